// Drives the canvas in JupyterLab, Notebook 7 or marimo, in a headless Chromium, as a
// person would, and says beside each answer how long the engine alone takes for it.
//
//   node scripts/drive_notebook.mjs URL OUT_FOLDER [marimo]
//
// URL is that of a running JupyterLab or Notebook 7, opened on a copy of
// notebooks/quick_start.ipynb (.../lab/tree/... or .../notebooks/...); or of marimo with
// scripts/marimo_canvas.py, which says how. Needs playwright-core (npm) and Chromium at
// CHROMIUM, or /usr/bin/chromium.
import { chromium } from "playwright-core";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [url, out, where = "jupyter"] = process.argv.slice(2);
const context = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "medfm-")), {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1366, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = context.pages()[0] ?? await context.newPage();
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
const shot = (name) => page.screenshot({ path: join(out, `${name}.png`) });

await page.goto(url, { waitUntil: "domcontentloaded" });
if (where === "jupyter") {
  await page.waitForSelector(".jp-Notebook", { timeout: 120_000 });
  await page.waitForTimeout(3000);
  await page.locator(".jp-Notebook .jp-Cell").first().click();
  await page.keyboard.press("Escape");
  for (let cell = 0; cell < 4; cell += 1) {
    await page.keyboard.press("Shift+Enter");
    await page.waitForTimeout(400);
  }
}
const canvas = page.locator(".medfm-canvas").first();
await canvas.waitFor({ timeout: 180_000 });
await canvas.scrollIntoViewIfNeeded();
const number = (name) => canvas.evaluate((element, key) => Number(element.dataset[key] ?? 0), name);
const newer = async (name, before, timeout = 200_000) => {
  const start = performance.now();
  while ((await number(name)) <= before) {
    if (performance.now() - start > timeout) { await shot("failed"); throw new Error(`no new ${name}`); }
    await page.waitForTimeout(10);
  }
  return performance.now() - start;
};
await newer("image", 0);
const press = (text) => page.locator(".medfm-bar button", { hasText: text }).first().click();
const at = async (x, y) => {
  const box = await canvas.boundingBox();
  const side = Math.min(box.width, box.height) * 0.98;
  const size = 512;
  return [box.x + (box.width - side) / 2 + (x / size) * side, box.y + (box.height - side) / 2 + (y / size) * side];
};
const click = async (row, col) => page.mouse.click(...(await at(col, row)));
const drag = async (start, end) => {
  await page.mouse.move(...(await at(...start)));
  await page.mouse.down();
  await page.mouse.move(...(await at(320, 400)), { steps: 5 });
  await page.mouse.move(...(await at(...end)), { steps: 5 });
  await page.mouse.up();
};
// An old answer goes as soon as something else is asked. The new one is there when what
// can be accepted is there again, and has been drawn since.
const accept = page.locator(".medfm-side button", { hasText: "Accept" });
const timed = async (name, act) => {
  let old = await number("overlay");
  const start = performance.now();
  await act();
  for (;;) {
    const [can, drawn] = [await accept.isEnabled(), await number("overlay")];
    if (can && drawn > old) break;
    if (!can) old = Math.max(old, drawn);
    if (performance.now() - start > 200_000) { await shot("failed"); throw new Error(`no ${name}`); }
    await page.waitForTimeout(5);
  }
  console.log(`${name}: ${(performance.now() - start).toFixed(0)} ms to the screen`);
};

await press("Find similar");
await timed("first similarity click", () => click(400, 320));
await timed("second similarity click", () => click(120, 330));
await shot("notebook-similar");
await press("Box");
await timed("box", () => drag([248, 298], [386, 510]));
await timed("another box beside it", () => drag([250, 300], [384, 506]));
await shot("notebook-prompt");
await page.locator(".medfm-add input").fill("epithelium");
await page.locator(".medfm-add button").click();
await page.locator(".medfm-side button", { hasText: "Accept" }).click();
await press("Examples");
for (const [row, col] of [[100, 230], [400, 320], [150, 90]]) await click(row, col);
await page.locator(".medfm-classes button", { hasText: "background" }).click();
const marks = [[420, 200], [280, 250], [450, 480], [60, 480]];
for (const [row, col] of marks.slice(0, 3)) await click(row, col);
await page.waitForTimeout(6000);
await timed("one more example", () => click(...marks[3]));
await page.waitForTimeout(4000);
await shot("notebook-label");
await timed("undo", () => page.locator(".medfm-bar button", { hasText: "Undo" }).click());
if (where === "jupyter") {
  const cell = async (lines) => {
    await page.locator(".jp-Notebook .jp-CodeCell").last().locator(".cm-content").click();
    await page.keyboard.press("Escape");
    await page.keyboard.press("b");
    await page.keyboard.press("Enter");
    await page.keyboard.insertText(lines.join("\n"));
    await page.keyboard.press("Shift+Enter");
    const answer = page.locator(".jp-OutputArea-output", { hasText: "done:" }).last();
    await answer.waitFor({ timeout: 120_000 });
    return (await answer.innerText()).trim();
  };
  console.log(await cell([
    "import time",
    "def ms(act):",
    "    began = time.perf_counter(); act(); return round(1000 * (time.perf_counter() - began))",
    "",
    "session.accept('tissue', session.predict('tissue'))",
    "print('the engine alone, ms: similarity', ms(lambda: session.similarity('tissue', at=[(120, 330)])),",
    "      'box', ms(lambda: session.segment('tissue', box=(298, 248, 511, 387))),",
    "      'one more example', ms(lambda: (session.fit('ridge'), session.predict('tissue'))))",
    "print('done:', session.export_masks('tissue', 'tissue.tif'), session.export_head('tissue.head.safetensors'))",
  ]));
  await shot("notebook-export");
}
console.log(problems.length ? `problems:\n${problems.join("\n")}` : "no errors on the page");
await context.close();
process.exit(problems.length ? 1 : 0);
