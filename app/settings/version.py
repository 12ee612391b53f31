"""The version of Sluice, declared once. It follows semantic versioning; nothing is promised before 1.0."""

VERSION = "0.1.0"
