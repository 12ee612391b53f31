// Search, copy buttons, and calls from the page. The token stays in this page's memory: a reload forgets it.
"use strict";
document.documentElement.classList.add("scripted");

const search = document.getElementById("search");
const found = document.getElementById("found");
const links = [...document.querySelectorAll("nav li")];
for (const item of links) {
  const part = document.getElementById(item.querySelector("a").hash.slice(1));
  item.words = (item.textContent + " " + (part.dataset.words ?? "")).toLowerCase();
}
search.addEventListener("input", () => {
  const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const item of links) {
    item.hidden = !asked.every((word) => item.words.includes(word));
    count += item.hidden ? 0 : 1;
  }
  for (const group of document.querySelectorAll("nav details")) {
    const visible = group.querySelector("li:not([hidden])") !== null;
    group.hidden = !visible;
    if (asked.length && visible) group.open = true;
  }
  found.textContent = asked.length ? `${count} found` : "";
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
    event.preventDefault();
    search.focus();
  }
});

for (const block of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(block); // without https there is no clipboard: the text is marked instead
      button.textContent = "Marked";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.before(button);
}

const token = document.getElementById("token");
for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

async function send(form) {
  const output = form.querySelector("output");
  const headers = {};
  const query = new URLSearchParams();
  let path = form.dataset.path;
  for (const field of form.querySelectorAll("[data-in]")) {
    if (field.value === "") continue;
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.dataset.in === "query") query.append(field.name, field.value);
    else headers[field.name] = field.value;
  }
  if (token.value && form.dataset.token) headers.Authorization = `Bearer ${token.value.trim()}`;
  const body = form.querySelector("textarea");
  if (body && body.value.trim()) headers["Content-Type"] = "application/json";
  const began = performance.now();
  output.textContent = "…";
  try {
    // Relative, so that it works below a prefix; no cookie of the console is sent.
    const address = new URL(path.replace(/^\//, "") + (query.size ? `?${query}` : ""), new URL(".", location.href));
    const answer = await fetch(address, {
      method: form.dataset.method.toUpperCase(), headers, credentials: "omit", redirect: "manual",
      body: body && body.value.trim() ? body.value : undefined,
    });
    const text = await answer.text();
    output.textContent = `${answer.status} in ${Math.round(performance.now() - began)} ms\n${pretty(text)}`;
  } catch (error) {
    output.textContent = `No answer: ${error.message}`;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
