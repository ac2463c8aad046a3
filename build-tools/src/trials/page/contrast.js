// SPDX-License-Identifier: MIT OR Apache-2.0

// The texts that do not stand out from what is behind them, as the WCAG measure it.

const channels = (color) => color.match(/[\d.]+/g).map(Number);
const isClear = (color) => channels(color)[3] === 0;
const luminance = (color) => {
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const [red, green, blue] = channels(color).map((part) => linear(part / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const behind = (element) => {
  for (let it = element; it; it = it.parentElement) {
    const color = getComputedStyle(it).backgroundColor;
    if (!isClear(color)) return color;
  }
  return "rgb(255, 255, 255)";
};
const faint = [];
for (const element of document.querySelectorAll("body, body *:not(svg, svg *)")) {
  const hasText = [...element.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
  if (!hasText) continue;
  const [one, other] = [getComputedStyle(element).color, behind(element)].map(luminance);
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) faint.push(`${ratio.toFixed(1)}: ${element.outerHTML.slice(0, 80)}`);
}
return faint;
