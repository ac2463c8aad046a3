// SPDX-License-Identifier: MIT OR Apache-2.0

// What is wrong with the structure of the page: what a reader with a keyboard or a screen
// reader stumbles over.

const wrong = [];
const all = (selector) => [...document.querySelectorAll(selector)];
const shown = (element) => element.outerHTML.slice(0, 80);
for (const selector of ["h1", "main", "nav", "head > title", "html[lang]", "meta[name=viewport]"]) {
  if (all(selector).length !== 1) wrong.push(`${all(selector).length} of ${selector}`);
}
for (const table of all("table")) {
  if (!table.caption?.textContent) wrong.push(`no caption: ${shown(table)}`);
}
for (const head of all("th:not([scope])")) wrong.push(`no scope: ${shown(head)}`);
for (const row of all("tbody tr")) {
  if (row.firstElementChild.tagName !== "TH") wrong.push(`a row without a name: ${shown(row)}`);
}
for (const chart of all("svg")) {
  const named = chart.getAttribute("aria-labelledby") ?? chart.getAttribute("aria-label");
  if (chart.getAttribute("role") !== "img" || !named) wrong.push(`no name: ${shown(chart)}`);
}
for (const region of all("[role=region]")) {
  if (!region.getAttribute("aria-label")) wrong.push(`no name: ${shown(region)}`);
  if (region.tabIndex !== 0) wrong.push(`not reached by keyboard: ${shown(region)}`);
}
const ids = all("[id]").map((element) => element.id);
if (new Set(ids).size !== ids.length) wrong.push("two elements have one id");
const targets = [
  ...all("a[href^='#']").map((link) => link.getAttribute("href").slice(1)),
  ...all("[aria-labelledby]").map((element) => element.getAttribute("aria-labelledby")),
];
for (const target of targets) {
  if (!document.getElementById(target)) wrong.push(`nothing is called ${target}`);
}
let level = 0;
for (const heading of all("h1, h2, h3, h4, h5, h6")) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) wrong.push(`a level is left out: ${shown(heading)}`);
  level = next;
}
return wrong;
