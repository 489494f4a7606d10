// Opens every page of the operations listener in headless Chromium, in light and in dark, without and with JavaScript: the page must
// be there, log nothing to the console, load nothing from elsewhere, and axe-core must find no violation.
// Arguments: base URL, folder for screenshots, texts that the overview must show. Prints one JSON line.
'use strict';
const fs = require('fs');
const path = require('path');
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [, , base, shots, ...texts] = process.argv;

const problems = [];

async function visit(context, url, name, scheme) {
  const page = await context.newPage();
  page.on('console', (m) => problems.push(`${name} ${scheme}: console ${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => problems.push(`${name} ${scheme}: ${e.message}`));
  page.on('request', (r) => { if (!r.url().startsWith(base) && !r.url().startsWith('data:')) problems.push(`${name}: loads ${r.url()}`); });
  const answer = await page.goto(url, { waitUntil: 'load' });
  if (!answer.ok()) problems.push(`${name}: HTTP ${answer.status()}`);
  await page.screenshot({ path: path.join(shots, `${name}-${scheme}.png`), fullPage: true });
  const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, {resultTypes: ['violations']}); })()`);
  for (const v of found.violations) problems.push(`${name} ${scheme}: ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
  const text = await page.evaluate(() => document.body.innerText);
  const links = await page.evaluate(() => [...document.querySelectorAll('a[href]')].map((a) => a.href));
  await page.close();
  return { text, links };
}

(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  const seen = new Map();
  for (const scheme of ['light', 'dark']) {
    // axe runs as an injected script, which the page's own policy rightly forbids to anybody else.
    const context = await browser.newContext({ colorScheme: scheme, bypassCSP: true, viewport: { width: 1200, height: 900 } });
    const overview = await visit(context, base + '/', 'overview', scheme);
    for (const t of texts) if (!overview.text.includes(t)) problems.push(`overview: does not show ${JSON.stringify(t)}`);
    for (const link of overview.links) {
      const at = link.split('#')[0].split('?')[0];
      if (!at.startsWith(base) || at === base + '/' || /\/(metrics|api\/status)$/.test(at)) continue;
      const name = at.slice(base.length + 1).replace(/[^a-z0-9-]+/gi, '_');
      if (!seen.has(name + scheme)) seen.set(name + scheme, (await visit(context, at, name, scheme)).text.length);
    }
    await context.close();
  }
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const page = await plain.newPage();
  const answer = await page.goto(base + '/');
  if (!answer.ok() || !(await page.content()).includes('</table>')) problems.push('without JavaScript the overview is not there');
  for (const h of ['content-security-policy', 'x-content-type-options', 'referrer-policy']) if (!answer.headers()[h]) problems.push('no header ' + h);
  await browser.close();
  console.log(JSON.stringify({ pages: seen.size / 2 + 1, problems }));
  process.exit(problems.length ? 1 : 0);
})().catch((e) => { console.error(e.stack); process.exit(2); });
