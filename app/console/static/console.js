// What the pages can't do by themselves: plots, times that keep themselves right, and calm while nobody looks.
"use strict";

(() => {
  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const plots = new Map();
  let lastAnnounced = null;
  let keepOpen = false; // the table of a plot's figures stays open while the plot is replaced

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function short(value) {
    return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  }

  function shown(value) {
    return value == null ? "–" : value.toLocaleString("en");
  }

  // A day's name at its begin, else the hour: UTC, as everything here.
  function clock(seconds) {
    const iso = new Date(seconds * 1000).toISOString();
    return seconds % DAY === 0 ? iso.slice(5, 10) : iso.slice(11, 16);
  }

  function axes() {
    const line = { stroke: color("--grid"), width: 1 };
    const text = { stroke: color("--muted"), font: "12px system-ui, sans-serif", grid: line, ticks: line };
    return [
      { ...text, space: 64, values: (_, ticks) => ticks.map(clock) },
      { ...text, size: 52, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? short(tick) : "")) },
    ];
  }

  function bars(label, stroke) {
    const paths = uPlot.paths.bars({ size: [0.8, 24], align: 1 });
    return { label, stroke: color(stroke), fill: color(stroke), width: 0, paths, points: { show: false } };
  }

  // Bars stand on each other: the first series is drawn behind the second, as tall as both.
  const KINDS = {
    records: {
      series: () => [bars("Skipped", "--part-invalid"), bars("Synced", "--part-inserted")],
      data: (found) => [found.synced.map((value, at) => value + found.skipped[at]), found.synced],
      values: (found) => [found.skipped, found.synced],
    },
    logs: {
      series: () => [bars("Failed", "--part-invalid"), bars("Completed", "--part-inserted")],
      data: (found) => [found.completed.map((value, at) => value + found.failed[at]), found.completed],
      values: (found) => [found.failed, found.completed],
    },
  };

  function draw(place) {
    plots.get(place.id)?.destroy();
    const found = JSON.parse(place.dataset.series);
    const kind = KINDS[place.dataset.plot];
    const values = kind.values(found);
    const series = kind.series();
    series.forEach((one, number) => { one.value = (_, __, ___, at) => (at == null ? "" : shown(values[number][at])); });
    const options = {
      width: place.clientWidth,
      height: 206,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: axes(),
      cursor: { drag: { x: false, y: false } },
      scales: { x: { range: [found.at[0], found.at.at(-1) + found.step] }, y: { range: (_, __, most) => [0, Math.max(most, 1) * 1.08] } },
      series: [{ label: "UTC", value: (_, at) => (at == null ? "" : new Date(at * 1000).toISOString().slice(5, 16).replace("T", " ")) }, ...series],
    };
    place.replaceChildren();
    plots.set(place.id, new uPlot(options, [found.at, ...kind.data(found)], place));
  }

  function drawAll() {
    for (const place of document.querySelectorAll("[data-plot]")) draw(place);
  }

  function ago(seconds) {
    const size = Math.abs(seconds);
    if (size < 1) return "now";
    const [unit, name] = size >= DAY ? [DAY, "day"] : size >= HOUR ? [HOUR, "hour"] : size >= MINUTE ? [MINUTE, "minute"] : [1, "second"];
    const count = Math.floor(size / unit);
    const words = `${count} ${name}${count === 1 ? "" : "s"}`;
    return seconds > 0 ? `${words} ago` : `in ${words}`;
  }

  function refreshTimes() {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const words = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  function showConnection(words) {
    const place = document.getElementById("connection");
    place.hidden = !words;
    place.textContent = words;
  }

  // Screen readers ignore a live region that is replaced, so changes are announced in one that stays.
  function announce() {
    const words = document.querySelector("[data-announce]")?.dataset.announce ?? "";
    if (lastAnnounced !== null && words !== lastAnnounced) document.getElementById("announcement").textContent = words;
    lastAnnounced = words;
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const polls = event.detail.elt.getAttribute("hx-trigger")?.startsWith("every");
    const busy = event.detail.elt.querySelector("details.sure[open]");
    if (polls && (document.hidden || busy)) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    keepOpen = event.detail.target?.querySelector?.("#plot-figures")?.open ?? false;
  });
  document.addEventListener("htmx:afterSettle", () => {
    showConnection("");
    announce();
    const details = document.getElementById("plot-figures");
    if (details && keepOpen) details.open = true;
    for (const place of document.querySelectorAll("[data-plot]")) if (!place.firstChild) draw(place);
  });
  document.addEventListener("htmx:responseError", () => showConnection("This page could not be updated. Trying again."));
  document.addEventListener("htmx:sendError", () => showConnection("The server can't be reached. Trying again."));

  document.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-select]")) event.target.select();
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; drawAll(); }
  });
  announce();
  setInterval(refreshTimes, 5000);
  drawAll();
})();
