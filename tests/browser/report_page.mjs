// Opens a page in a real Chromium, at the width of a desktop and of a telephone, in light and in dark, and says as JSON what a reader would
// have seen: node report_page.mjs PAGE.html FOLDER. FOLDER gets a picture of each. `report_page.rs` judges.
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, folder] = process.argv.slice(2);
// ES modules do not look where NODE_PATH says; the set-up keeps playwright-core outside the project.
const { chromium } = createRequire(import.meta.url)(process.env.MOTMOT_PLAYWRIGHT ?? "playwright-core");
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

const views = [
  { name: "desktop", width: 1280, height: 900, colorScheme: "light" },
  { name: "desktop-dark", width: 1280, height: 900, colorScheme: "dark" },
  { name: "telephone", width: 390, height: 844, colorScheme: "light" },
  { name: "telephone-dark", width: 390, height: 844, colorScheme: "dark" },
];

// Runs in the page.
function look() {
  const seen = (element) => element.getClientRects().length > 0;
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).map((part) => part / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("i");
  document.body.append(probe);
  const of = (name) => luminance((probe.style.color = style.getPropertyValue(name).trim(), getComputedStyle(probe).color));
  const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const contrasts = Object.fromEntries(["--ink", "--soft", "--bad", "--series"].map((name) => [name, contrast(of(name), of("--card"))]));
  probe.remove();
  const svgs = [...document.querySelectorAll("figure svg")].filter(seen);
  const letters = svgs.flatMap((svg) => {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return [...svg.querySelectorAll("text")].map((text) => parseFloat(getComputedStyle(text).fontSize) * scale);
  });
  return {
    title: document.title,
    headings: [...document.querySelectorAll("h1, h2")].map((heading) => heading.textContent),
    scrolls_sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    plots: svgs.length,
    named_plots: svgs.filter((svg) => svg.getAttribute("role") === "img" && svg.getAttribute("aria-label")).length,
    figures: document.querySelectorAll("figure").length,
    figures_with_table: [...document.querySelectorAll("figure")].filter((figure) => figure.querySelector("details table caption")).length,
    smallest_letters_px: Math.min(...letters),
    contrasts,
    background: getComputedStyle(document.body).backgroundColor,
    scripts: document.querySelectorAll("script").length,
    injected: document.querySelectorAll("[data-injected]").length,
    heat_cells: document.querySelectorAll(".heat td").length,
    chain_bars: document.querySelectorAll(".chain .bar i").length,
    text: document.body.innerText,
  };
}

const seen = {};
for (const { name, width, height, colorScheme } of views) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const tab = await context.newPage();
  const requests = [];
  const complaints = [];
  tab.on("request", (request) => requests.push(request.url()));
  tab.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  tab.on("pageerror", (error) => complaints.push(String(error)));
  await tab.goto(pathToFileURL(page).href, { waitUntil: "load" });
  await tab.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  seen[name] = { ...(await tab.evaluate(look)), requests, complaints };
  await context.close();
}
const context = await browser.newContext();
const tab = await context.newPage();
await tab.goto(pathToFileURL(page).href);
await tab.pdf({ path: join(folder, "print.pdf"), format: "A4", printBackground: true });
await browser.close();
console.log(JSON.stringify(seen));
