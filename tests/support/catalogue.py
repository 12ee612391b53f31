"""A schema as PostgreSQL's catalogue has it, in lines that can be compared. Names and order count, object ids do not."""

from __future__ import annotations

from psycopg import Connection

# Columns by their order, without the gaps that dropped ones leave; indexes by age: the planner takes the youngest of equals.
PARTS = (
    """SELECT 'table ' || c.relname, c.relkind::text, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity,
              c.relpersistence::text, c.reloptions::text, t.reloptions::text
         FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')""",
    """SELECT 'view ' || c.relname, pg_get_viewdef(c.oid) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm')""",
    """SELECT 'sequence ' || c.relname, pg_get_userbyid(c.relowner), s.seqtypid::regtype::text, s.seqstart, s.seqincrement,
              s.seqcycle, d.refobjid::regclass::text
         FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
         LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
        WHERE c.relnamespace = 'public'::regnamespace""",
    """SELECT 'column ' || c.relname,
              row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
              a.attnotnull, a.attidentity::text, a.attgenerated::text, a.attstorage::text, a.attcompression::text,
              a.attcollation::regcollation::text, a.attstattarget, pg_get_expr(d.adbin, d.adrelid),
              col_description(c.oid, a.attnum)
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')""",
    """SELECT 'constraint ' || k.conrelid::regclass, k.conname, k.contype::text, k.convalidated, pg_get_constraintdef(k.oid)
         FROM pg_constraint k WHERE k.connamespace = 'public'::regnamespace""",
    """SELECT 'index ' || i.indrelid::regclass, row_number() OVER (PARTITION BY i.indrelid ORDER BY i.indexrelid),
              pg_get_indexdef(i.indexrelid), i.indisprimary, i.indisunique, i.indisvalid, c.reloptions::text
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace""",
    """SELECT 'policy ' || p.polrelid::regclass, p.polname, p.polcmd::text, p.polpermissive,
              (SELECT array_agg(coalesce(r.rolname, 'public') ORDER BY r.rolname)
                 FROM unnest(p.polroles) m (role) LEFT JOIN pg_roles r ON r.oid = m.role)::text,
              pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
         FROM pg_policy p""",
    """SELECT 'trigger ' || t.tgrelid::regclass, t.tgname, t.tgenabled::text, pg_get_triggerdef(t.oid)
         FROM pg_trigger t WHERE NOT t.tgisinternal""",
    """SELECT 'function ' || p.oid::regprocedure, pg_get_userbyid(p.proowner), pg_get_functiondef(p.oid),
              obj_description(p.oid, 'pg_proc')
         FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace""",
    """SELECT 'type ' || t.typname, t.typtype::text FROM pg_type t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('d', 'e', 'r', 'm')""",
    """SELECT 'grant on ' || g.kind || ' ' || g.name, coalesce(r.rolname, 'public'), coalesce(s.rolname, 'public'),
              a.privilege_type, a.is_grantable
         FROM (SELECT 'relation' AS kind, c.oid::regclass::text AS name,
                      coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl
                 FROM pg_class c
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
                UNION ALL
               SELECT 'column', a.attrelid::regclass || '.' || a.attname, a.attacl
                 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL
                UNION ALL
               SELECT 'function', p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
                 FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
                UNION ALL
               SELECT 'schema', n.nspname, n.nspacl FROM pg_namespace n WHERE n.nspname = 'public'
                UNION ALL
               SELECT 'database', '', d.datacl FROM pg_database d WHERE d.datname = current_database()) g,
              aclexplode(g.acl) a
         LEFT JOIN pg_roles r ON r.oid = a.grantee
         LEFT JOIN pg_roles s ON s.oid = a.grantor""",
)


def describe(conn: Connection) -> list[str]:
    """One line for each object of the schema `public` and each privilege on one, sorted."""
    rows = (row for part in PARTS for row in conn.execute(part.encode()).fetchall())
    return sorted(" | ".join("-" if value is None else str(value) for value in row) for row in rows)
