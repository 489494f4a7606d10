// Opens the pages of the operations listener in headless Chromium, in light and in dark, on a telephone and on a desk,
// without and with JavaScript: the page must be there, log nothing to the console, load nothing from elsewhere, be no
// wider than the window, and axe-core must find no violation, such as too little contrast.
// Arguments: base URL, folder for screenshots or "" for none, number of pages to visit of those that differ in a name
// alone, texts that the overview must show. Prints one JSON line.
'use strict';
const fs = require('fs');
const path = require('path');
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [, , base, shots, perKind, ...texts] = process.argv;

const widths = [360, 768, 1280];
const judged = { light: 1280, dark: 360 }; // the width at which axe-core looks, which takes long on long pages
const problems = [];

// kindOf makes one of all pages that differ in a name or a value alone.
function kindOf(url) {
  const u = new URL(url);
  return u.pathname.replace(/^\/integration\/[^/]+/, '/integration/x').replace(/\/user\/[^/]+/, '/user/x')
    + [...u.searchParams.keys()].sort().join('+');
}

async function visit(context, url, name, scheme) {
  const page = await context.newPage();
  page.on('console', (m) => problems.push(`${name} ${scheme}: console ${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => problems.push(`${name} ${scheme}: ${e.message}`));
  page.on('request', (r) => { if (!r.url().startsWith(base) && !r.url().startsWith('data:')) problems.push(`${name}: loads ${r.url()}`); });
  const answer = await page.goto(url, { waitUntil: 'load' });
  if (!answer.ok()) problems.push(`${name}: HTTP ${answer.status()}`);
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    if (shots) await page.screenshot({ path: path.join(shots, `${name}-${scheme}-${width}.png`), fullPage: true });
    const across = await page.evaluate(() => document.documentElement.scrollWidth);
    if (across > width) problems.push(`${name} ${scheme}: ${across} pixels wide in a window of ${width}`);
    if (width !== judged[scheme]) continue;
    const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, {resultTypes: ['violations']}); })()`);
    for (const v of found.violations) problems.push(`${name} ${scheme} ${width}: ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
  }
  const text = await page.evaluate(() => document.body.innerText);
  const links = await page.evaluate(() => [...document.querySelectorAll('a[href]')].map((a) => a.href));
  await page.close();
  return { text, links };
}

// crawl visits the overview and, from each page, perKind of each kind of page that it leads to.
async function crawl(context, scheme, seen) {
  const kinds = new Map([[kindOf(base + '/'), 1]]);
  const queue = [[base + '/', 'overview']];
  for (const [url, name] of queue) {
    const { text, links } = await visit(context, url, name, scheme);
    seen.set(name, url);
    if (name === 'overview') for (const t of texts) if (!text.includes(t)) problems.push(`overview: does not show ${JSON.stringify(t)}`);
    for (const link of links) {
      const at = link.split('#')[0];
      if (!at.startsWith(base) || /\/(metrics|api\/status)$|refresh=/.test(at) || queue.some(([known]) => known === at)) continue;
      const kind = kindOf(at);
      if ((kinds.get(kind) || 0) >= perKind) continue;
      kinds.set(kind, (kinds.get(kind) || 0) + 1);
      queue.push([at, at.slice(base.length + 1).replace(/[^a-z0-9-]+/gi, '_').slice(0, 80)]);
    }
  }
}

(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  const seen = new Map();
  for (const scheme of ['light', 'dark']) {
    // axe runs as an injected script, which the page's own policy rightly forbids to anybody else.
    const context = await browser.newContext({ colorScheme: scheme, bypassCSP: true });
    await crawl(context, scheme, seen);
    await context.close();
  }
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const page = await plain.newPage();
  for (const [name, url] of seen) {
    const answer = await page.goto(url);
    const content = await page.content();
    if (!answer.ok() || !content.includes('</main>') || content.includes('<script')) problems.push(`without JavaScript ${name} is not there`);
    for (const h of ['content-security-policy', 'x-content-type-options', 'referrer-policy']) if (!answer.headers()[h]) problems.push(`${name}: no header ${h}`);
  }
  await browser.close();
  console.log(JSON.stringify({ pages: seen.size, problems }));
  process.exit(problems.length ? 1 : 0);
})().catch((e) => { console.error(e.stack); process.exit(2); });
