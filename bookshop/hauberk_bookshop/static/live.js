// Asks for the reviews again and again and draws who answered. Runs on the page that it asks about, and needs nothing else.
"use strict";

const KEPT = 100;
const EVERY_MS = 400;
const GIVE_UP_MS = 5000;
const VERSIONS = ["v1", "v2", "v3", "error"];
const HEADERS = [
  "server", "via", "date", "x-request-id", "traceparent", "hauberk-reason", "reviews-version", "productpage-instance",
  "x-envoy-upstream-service-time", "content-type", "content-length",
];

const panel = document.querySelector(".live");
const strip = document.getElementById("live-strip");
const last = document.getElementById("live-last");
const toggle = document.getElementById("live-toggle");
const headers = document.getElementById("live-headers");
const cells = Array.from({ length: KEPT }, () => strip.appendChild(document.createElement("i")));
const seen = VERSIONS.includes(panel.dataset.first) ? [panel.dataset.first] : [];
let running = true;

function draw() {
  const counts = Object.fromEntries(VERSIONS.map((version) => [version, 0]));
  for (const version of seen) counts[version] += 1;
  cells.forEach((cell, place) => { cell.className = seen[place] ?? ""; });
  const shares = VERSIONS.map((version) => {
    const share = seen.length ? Math.round((100 * counts[version]) / seen.length) : 0;
    document.getElementById(`share-${version}`).value = `${share} %`;
    return `${version} ${share} percent`;
  });
  strip.setAttribute("aria-label", `${seen.length} answers: ${shares.join(", ")}`);
}

function drawHeaders(response) {
  headers.replaceChildren(...HEADERS.filter((name) => response.headers.has(name)).map((name) => {
    const row = document.createElement("tr");
    const key = row.appendChild(document.createElement("th"));
    key.scope = "row";
    key.textContent = name;
    row.appendChild(document.createElement("td")).textContent = response.headers.get(name);
    return row;
  }));
}

async function ask() {
  const begin = performance.now();
  try {
    const response = await fetch(panel.dataset.source, { cache: "no-store", signal: AbortSignal.timeout(GIVE_UP_MS) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`);
    drawHeaders(response);
    last.textContent = `${answer.instance} answered in ${Math.round(performance.now() - begin)} ms`;
    return VERSIONS.includes(answer.version) ? answer.version : "error";
  } catch (error) {
    last.textContent = `no answer: ${error.message}`;
    return "error";
  }
}

async function tick() {
  if (running && !document.hidden) {
    seen.push(await ask());
    if (seen.length > KEPT) seen.shift();
    draw();
  }
  setTimeout(tick, EVERY_MS);
}

toggle.hidden = false;
toggle.addEventListener("click", () => {
  running = !running;
  toggle.textContent = running ? "Pause" : "Go on";
});
draw();
tick();
