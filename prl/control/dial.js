// The dial: from a preference to accuracies, and how they are drawn.
// One script for the notebook's widget (what it exports) and for the page (which calls `show`); elicit.js stands before it.

// ---------------------------------------------------------------- the cache: a safetensors file, see prl.control.cache.write_cache

const ARRAYS = { F32: Float32Array, U8: Uint8Array, I16: Int16Array };

// Its SHA-256, as hexadecimal digits. The browser's own is not there for pages that come over plain http.
function sha256(bytes) {
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const part = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32);
  const constants = primes.map((p) => part(Math.cbrt(p))), sum = Int32Array.from(primes.slice(0, 8), (p) => part(Math.sqrt(p)));
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64), view = new DataView(padded.buffer);
  padded.set(bytes);
  padded[bytes.length] = 128;
  view.setBigUint64(padded.length - 8, 8n * BigInt(bytes.length));
  const w = new Int32Array(64), turn = (x, n) => (x >>> n) | (x << (32 - n));
  for (let from = 0; from < padded.length; from += 64) {
    for (let k = 0; k < 16; k++) w[k] = view.getInt32(from + 4 * k);
    for (let k = 16; k < 64; k++) {
      const x = w[k - 15], y = w[k - 2];
      w[k] = w[k - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + w[k - 7] + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = sum;
    for (let k = 0; k < 64; k++) {
      const t = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[k] + w[k]) | 0;
      const u = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t) | 0, c, b, a, (t + u) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((x, k) => { sum[k] += x; });
  }
  return Array.from(sum, (x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
}

function isWhole(bytes, header) { // as prl.data.checksum: the sum is that of the file with zeros for its own digits
  const found = header.match(/prl-sha256:([0-9a-f]{64})/);
  if (!found) return true; // older than checksums
  const begin = 8 + new TextEncoder().encode(header.slice(0, found.index + 11)).length, copy = bytes.slice();
  copy.fill(48, begin, begin + 64);
  return sha256(copy) === found[1];
}

function readCache(bytes) { // Uint8Array or DataView -> { about, tensors }
  const all = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + new DataView(all.buffer, all.byteOffset).getUint32(0, true);
  const header = new TextDecoder().decode(all.subarray(8, start));
  if (!isWhole(all, header)) throw new Error("This dial's numbers are damaged: copy the file anew, or write it anew with prl.");
  const { __metadata__: metadata, ...entries } = JSON.parse(header);
  const about = JSON.parse(metadata.about);
  const tensors = Object.fromEntries(Object.entries(entries).map(([name, { dtype, data_offsets: [from, to] }]) => {
    const values = new ARRAYS[dtype](all.slice(start + from, start + to).buffer), step = about.steps[name];
    return [name, step ? new Float32Array(values).map((v) => v * step) : values];
  }));
  return { about, tensors };
}

// ---------------------------------------------------------------- from a preference to heads, as prl.model.hypernet and prl.model.heads do it

function linear(x, weight, bias) {
  return bias.map((sum, i) => {
    for (let j = 0, k = i * x.length; j < x.length; j++) sum += weight[k + j] * x[j];
    return sum;
  });
}
const silu = (x) => x.map((v) => v / (1 + Math.exp(-v)));
const relu = (x) => x.map((v) => Math.max(v, 0));

const norm = (x) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));

function unitRows(x, dim) { // in place
  for (let k = 0; k < x.length; k += dim) {
    const row = x.subarray(k, k + dim), length = norm(row);
    for (let j = 0; j < dim; j++) row[j] /= length;
  }
  return x;
}

function hidden(t, alpha) { // r̂, and what the MLP makes of it
  const weighted = t["head.preference.log_r"].map((v, i) => Math.exp(v) * alpha[i]);
  const total = weighted.reduce((a, b) => a + b);
  const x = silu(linear(weighted.map((v) => v / total), t["head.mlp.0.weight"], t["head.mlp.0.bias"]));
  return silu(linear(x, t["head.mlp.2.weight"], t["head.mlp.2.bias"]));
}

const HEADS = { // class of the head -> (its tensors, α) -> (branches, C, d)
  HyperHeads(t, alpha, dim) {
    return unitRows(linear(hidden(t, alpha), t["head.weights.weight"], t["head.weights.bias"]), dim);
  },
  LowRankHeads(t, alpha, dim) { // W_0 + U diag(a) V
    const shares = linear(hidden(t, alpha), t["head.shares.weight"], t["head.shares.bias"]), u = t["head.classes"], v = t["head.directions"];
    const heads = Float32Array.from(t["head.weight"]), rows = heads.length / dim;
    const classes = u.length / shares.length, rank = u.length / rows;
    for (let row = 0; row < rows; row++) for (let k = 0; k < rank; k++) {
      const branch = Math.floor(row / classes), share = shares[branch * rank + k] * u[row * rank + k], from = (branch * rank + k) * dim;
      for (let j = 0; j < dim; j++) heads[row * dim + j] += share * v[from + j];
    }
    return unitRows(heads, dim);
  },
  ReleasedHeads(t, alpha, dim) {
    const ray = t["head.ray"].map((v, i) => v + alpha[i]), low = Math.min(...ray), high = Math.max(...ray);
    let x = relu(linear(ray.map((v) => (v - low) / (high - low)), t["head.mlp.0.weight"], t["head.mlp.0.bias"]));
    x = relu(linear(x, t["head.mlp.2.weight"], t["head.mlp.2.bias"]));
    x = linear(x, t["head.mlp.4.weight"], t["head.mlp.4.bias"]);
    return unitRows(linear(x, t["head.weights.weight"], t["head.weights.bias"]), dim);
  },
  linear(t, alpha) { // heads that are linear in α: FreeHeads, DialHeads
    const size = t.vertices.length / alpha.length;
    return t.vertices.slice(0, size).map((_, k) => alpha.reduce((sum, a, i) => sum + a * t.vertices[i * size + k], 0));
  },
};

function inner(tensors) { // of the heads within heads
  return Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name.replace(/^head\.heads\./, "head."), t]));
}

function withOffsets(heads, offsets, alpha, dim) { // log π_α over s as the last of `dim` numbers of a row
  const rows = heads.length / (dim - 1), classes = offsets.length / alpha.length, out = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    out.set(heads.subarray(row * (dim - 1), (row + 1) * (dim - 1)), row * dim);
    out[row * dim + dim - 1] = alpha.reduce((sum, a, i) => sum + a * offsets[i * classes + row % classes], 0);
  }
  return out;
}

function headRows({ about, tensors }, alpha) { // (C, branches · d): the branches of a class side by side
  const [branches, classes, dim] = about.shape;
  const { offsets } = tensors;
  const heads = offsets ? withOffsets(HEADS[about.head](inner(tensors), alpha, dim - 1), offsets, alpha, dim)
    : HEADS[about.head](tensors, alpha, dim);
  if (branches === 1) return heads;
  const rows = new Float32Array(heads.length);
  for (let b = 0; b < branches; b++) for (let c = 0; c < classes; c++)
    rows.set(heads.subarray((b * classes + c) * dim, (b * classes + c + 1) * dim), (c * branches + b) * dim);
  return rows;
}

// ---------------------------------------------------------------- from heads to predictions

// The best class of some images, and by how much it leads. Two images and four classes at a time: numbers that are read
// once serve several products.
function classify(x, rows, classes, width, images, answer, lead) {
  const score = new Float64Array(8);
  for (let i = 0; i < images.length; i += 2) {
    const pair = [images[i], images[Math.min(i + 1, images.length - 1)]];
    const a = pair[0] * width, b = pair[1] * width;
    const best = [-Infinity, -Infinity], second = [-Infinity, -Infinity];
    for (let c = 0; c < classes; c += 4) {
      const w0 = c * width, w1 = Math.min(c + 1, classes - 1) * width, w2 = Math.min(c + 2, classes - 1) * width, w3 = Math.min(c + 3, classes - 1) * width;
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
      for (let d = 0; d < width; d++) {
        const p = x[a + d], q = x[b + d], u0 = rows[w0 + d], u1 = rows[w1 + d], u2 = rows[w2 + d], u3 = rows[w3 + d];
        s0 += p * u0; s1 += p * u1; s2 += p * u2; s3 += p * u3;
        s4 += q * u0; s5 += q * u1; s6 += q * u2; s7 += q * u3;
      }
      score[0] = s0; score[1] = s1; score[2] = s2; score[3] = s3; score[4] = s4; score[5] = s5; score[6] = s6; score[7] = s7;
      for (let k = 0, end = Math.min(4, classes - c); k < end; k++) for (let j = 0; j < 2; j++) {
        const s = score[4 * j + k];
        if (s > best[j]) { second[j] = best[j]; best[j] = s; answer[pair[j]] = c + k; }
        else if (s > second[j]) second[j] = s;
      }
    }
    for (let j = 0; j < 2; j++) lead[pair[j]] = best[j] - second[j];
  }
}

// Predictions under one head after another. |Δw_c · x| <= |Δw_c| |x|, so an image keeps its class until the heads have moved
// by as much as its class led: a small step looks at few images, and all answers stay exact.
function predictor(features, count, classes) {
  const width = features.length / count, answer = new Uint16Array(count), lead = new Float32Array(count);
  const length = new Float32Array(count).map((_, n) => norm(features.subarray(n * width, (n + 1) * width)));
  let before = null;
  return (rows) => {
    if (before) {
      const change = rows.map((v, k) => v - before[k]);
      const moved = new Float32Array(classes).map((_, c) => norm(change.subarray(c * width, (c + 1) * width)));
      const most = Math.max(...moved);
      for (let n = 0; n < count; n++) lead[n] -= length[n] * (moved[answer[n]] + most);
    }
    const unsure = [];
    for (let n = 0; n < count; n++) if (lead[n] < 1e-5) unsure.push(n);
    classify(features, rows, classes, width, unsure, answer, lead);
    before = rows;
    return answer;
  };
}

// ---------------------------------------------------------------- from predictions to accuracies

function measurer(cache) { // -> (α) -> { byClass: share of each class, values: measure -> percent, answer: class of each image }
  const { about, tensors: { features, labels, measures } } = cache, classes = about.class_names.length;
  const predict = predictor(features, labels.length, classes), count = new Float32Array(classes);
  for (const label of labels) count[label]++;
  return (alpha) => {
    const answer = predict(headRows(cache, alpha)), byClass = new Float64Array(classes), given = new Float32Array(classes);
    for (let n = 0; n < labels.length; n++) {
      given[answer[n]]++;
      if (answer[n] === labels[n]) byClass[labels[n]]++;
    }
    const overall = byClass.reduce((a, b) => a + b) / labels.length, tested = count.filter((n) => n).length;
    const f1 = byClass.reduce((sum, right, c) => sum + (count[c] ? 2 * right / (given[c] + count[c]) : 0), 0) / tested;
    for (let c = 0; c < classes; c++) byClass[c] /= Math.max(1, count[c]);
    const values = Object.fromEntries(about.measures.map((name, m) =>
      [name, 100 * byClass.reduce((sum, share, c) => sum + measures[m * classes + c] * share, 0)]));
    return { byClass, values: { ...values, overall: 100 * overall, "macro-F1": 100 * f1 }, answer };
  };
}

// Prediction sets, where a cache has them: row of `about.sets` -> { coverage: percent, size: classes } at the nearest of its preferences.
function nearestSets({ about: { sets }, tensors: { sets: values, set_preferences: points } }, alpha) {
  if (!sets) return null;
  let nearest = 0, least = Infinity;
  for (let p = 0; p < points.length; p += 3) {
    const far = alpha.reduce((sum, a, i) => sum + (points[p + i] - a) ** 2, 0);
    if (far < least - 1e-7) [nearest, least] = [p / 3, far];
  }
  return Object.fromEntries(sets.rows.map((row, r) => {
    const at = 2 * (nearest * sets.rows.length + r);
    return [row, { coverage: values[at], size: values[at + 1] }];
  }));
}

// Some test images, where a cache has them: [{ image: its number, source: a data URL }].
function readPictures({ about: { pictures }, tensors }) {
  let from = 0;
  return (pictures?.images ?? []).map((image, k) => {
    const bytes = tensors.pictures.subarray(from, from += pictures.bytes[k]);
    return { image, source: `data:image/jpeg;base64,${btoa(String.fromCharCode(...bytes))}` };
  });
}

// ---------------------------------------------------------------- why an image has its label

function belonging(alpha, { beta, constant }) { // as prl.preference.belonging: which expert draws such a preference
  const inside = alpha.map((a) => Math.max(a, 1e-12));
  const density = beta.map((row, i) => Math.exp(constant[i] + row.reduce((sum, b, j) => sum + (b === 1 ? 0 : (b - 1) * Math.log(inside[j])), 0)));
  return toOne(density);
}

// As prl.control.margin.parts, of one image: what its logits are made of, each a number a class. Null where a cache says nothing of it.
function parter({ about, tensors }) {
  if (!about.why) return null;
  const { why, scale, shape: [branches, classes] } = about, { features, labels, targets } = tensors, width = features.length / labels.length;
  const target = (alpha) => {
    const weights = why.beta ? belonging(alpha, why) : alpha;
    return Array.from({ length: classes }, (_, c) => weights.reduce((sum, w, i) => sum + w * targets[i * classes + c], 0));
  };
  const logits = (image, rows) => Array.from({ length: classes }, (_, c) => {
    let sum = 0;
    for (let d = 0; d < width; d++) sum += features[image * width + d] * rows[c * width + d];
    return scale * sum / branches;
  });
  const headsAt = (alpha) => headRows({ about, tensors }, alpha);
  let there = null; // heads at the reference, made when first asked for
  return (image, alpha) => {
    there ??= headsAt(why.reference);
    const own = target(why.reference), prior = target(alpha), before = logits(image, there), now = logits(image, headsAt(alpha));
    return { image: before.map((v, c) => v - own[c]), prior, learnt: now.map((v, c) => v - before[c] - prior[c] + own[c]), logits: now };
  };
}

// ---------------------------------------------------------------- preferences

const EXPERTS = ["forward", "uniform", "backward"];
const LABELS = ["forward (head)", "uniform", "backward (tail)"];

const toOne = (alpha) => { const total = alpha.reduce((a, b) => a + b); return alpha.map((v) => v / total); };

function thousandths(alpha) { // what is shown is what is used: three decimals that sum to 1
  const whole = toOne(alpha).map((v) => Math.round(1000 * v)), largest = whole.indexOf(Math.max(...whole));
  whole[largest] += 1000 - whole.reduce((a, b) => a + b);
  return whole.map((v) => v / 1000);
}

function linked(alpha, i, value) { // one weight set by hand: the others keep their ratio
  const others = alpha.reduce((sum, v, j) => (j === i ? sum : sum + v), 0);
  return alpha.map((v, j) => (j === i ? value : others > 0 ? (v / others) * (1 - value) : (1 - value) / 2));
}

const same = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 7e-4); // a third is shown as 0.333 or 0.334
const nameOf = (names, alpha) => Object.keys(names).find((name) => same(names[name], alpha));

// ---------------------------------------------------------------- the view

const CORNERS = [[170, 30], [30, 272], [310, 272]]; // of the triangle: forward on top, uniform left, backward right
const toPoint = (alpha) => [0, 1].map((k) => alpha.reduce((sum, a, i) => sum + a * CORNERS[i][k], 0));
function fromPoint(x, y) { // a point beside the triangle is drawn to its border
  const [[, top], [left, bottom], [end]] = CORNERS, up = (bottom - y) / (bottom - top), right = (x - left) / (end - left) - up / 2;
  return toOne([up, 1 - up - right, right].map((v) => Math.max(v, 0)));
}
const SHAPES = { head: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0", balanced: "M-5.5-5.5h11v11h-11z", tail: "M0-7l7 12h-14z", goal: "M0-8l7 8l-7 8l-7-8z" }; // as in prl.report.plot
const mark = (name) => `<path class="mark" d="${SHAPES[name]}"/>`;

const percent = (value) => `${value.toFixed(1)} %`;
const signed = (value) => (Math.abs(value) < 0.05 ? "±0.0" : (value > 0 ? "+" : "−") + Math.abs(value).toFixed(1));
const shortened = (environment) => environment.replace(/^(.)\w+-/, (_, first) => first.toUpperCase()).replace("uniform", "U");

const FRAME = `<div class="panes">
  <section class="controls">
    <svg class="triangle" viewBox="0 0 340 310">
      <defs>${EXPERTS.map((e, i) => `<linearGradient id="prl-${e}" gradientUnits="userSpaceOnUse" x1="${CORNERS[i][0]}" y1="${CORNERS[i][1]}"
        x2="${[170, 240, 100][i]}" y2="${[272, 151, 151][i]}"><stop class="${e}" offset="0"/><stop class="${e} far" offset="1"/></linearGradient>`).join("")}</defs>
      ${EXPERTS.map((e) => `<polygon points="${CORNERS.join(" ")}" fill="url(#prl-${e})"/>`).join("")}
      <polygon class="border" points="${CORNERS.join(" ")}"/>
      <text x="170" y="17">${LABELS[0]}</text><text x="30" y="297">${LABELS[1]}</text><text x="340" y="297" class="end">${LABELS[2]}</text>
      <g class="possible" aria-hidden="true"></g>
      <g class="marks"></g>
      <g class="handle" tabindex="0" role="slider" aria-label="Preference, a point of the triangle: arrow keys move it, Home is head, End is tail"
        aria-valuemin="0" aria-valuemax="100"><circle r="22" class="halo"/><circle r="10" class="knob"/></g>
    </svg>
    <div class="named" role="group" aria-label="Named preferences"></div><p class="aim"></p>
    <div class="sliders">${EXPERTS.map((e, i) => `<label class="${e}"><span>${LABELS[i]}</span><span class="weight"></span>
      <input type="range" min="0" max="100" step="1" aria-label="weight of ${LABELS[i]}"></label>`).join("")}</div>
    <div class="code"><span>for <code>model(images, …)</code></span><code class="copied"></code><button type="button" class="copy">Copy</button></div>
  </section>
  <section class="results">
    <p class="legend"><span class="now"></span>this preference <span class="then"></span>balanced, and points against it</p>
    <h2>Accuracy by group <small>classes by their number of training images</small></h2>
    <div class="groups"></div>
    <div class="sets"></div>
    <h2>Accuracy by test set <small>%, all classes</small></h2>
    <div class="tests"></div>
    <p class="axis"><span>← forward: head-heavy</span><span>uniform</span><span>backward: tail-heavy →</span></p>
    <div class="changes"><div><h2>Classes that gain most <small>points</small></h2><ol class="gain"></ol></div><div><h2>Classes that lose most <small>points</small></h2><ol class="lose"></ol></div></div>
    <div class="pictures"></div>
  </section></div>
  <footer></footer><p class="spoken" aria-live="polite"></p>`;

const ROW = `<span class="label"></span><span class="track"><i class="fill"></i><i class="then"></i></span><span class="value"></span><span class="delta"></span>`;
const REASONS = { image: "what the image says", prior: "the class prior", learnt: "learnt beyond it", margin: "margin" };
const CHANGE = `<span class="label"></span><small></small><span class="track"><i class="fill"></i></span><span class="delta"></span>`;

function add(parent, tag, name, html) {
  const element = parent.appendChild(document.createElement(tag));
  element.className = name;
  element.innerHTML = html;
  return element;
}
const put = (element, selector, text) => { element.querySelector(selector).textContent = text; };
const fill = (element, part, share) => element.querySelector(part).style.setProperty("--share", Math.min(Math.max(share, 0), 1));

// The scale of all bars: what the corners and the named preferences reach, so that it never changes under the hand.
function scales(measure, names) {
  const balanced = measure(names.balanced), reached = [[1, 0, 0], [0, 1, 0], [0, 0, 1], names.tail].map(measure);
  const highest = Math.max(...[balanced, ...reached].flatMap(({ values }) => Object.values(values)));
  const widest = Math.max(0.01, ...reached.flatMap(({ byClass }) => Array.from(byClass, (v, c) => Math.abs(v - balanced.byClass[c]))));
  return { balanced, top: Math.min(100, 5 * Math.ceil(highest / 5)), widest };
}

function show(parent, bytes, changed = () => {}) { // -> { move(α) }; `changed` is told what a hand does, not what `move` does
  const cache = readCache(bytes), { about, tensors: { labels } } = cache, { goal } = about, measure = measurer(cache);
  const names = goal ? { ...about.names, goal: goal.preference } : about.names;
  const { balanced, top, widest } = scales(measure, about.names);
  const root = add(parent, "div", "prl-dial", FRAME), find = (selector) => root.querySelector(selector);
  root.dataset.lmSuppressShortcuts = true; // arrow keys are the dial's, not the notebook's
  root.onkeydown = (event) => event.stopPropagation();
  const svg = find(".triangle"), handle = find(".handle"), sliders = [...root.querySelectorAll(".sliders label")];
  let alpha = names.balanced, frame = 0, silence = 0, asked = null; // the image that was clicked on

  const count = {};
  for (const label of labels) count[label] = (count[label] ?? 0) + 1;
  const uneven = new Set(Object.values(count)).size > 1; // else overall is the mean of the classes
  const whole = { uniform: ["all", `${about.class_names.length} classes`], overall: ["overall", "test images as they came"], "macro-F1": ["macro-F1", "missed and false alike"] };
  const bars = [...Object.keys(about.groups), ...Object.keys(whole).slice(0, uneven ? 3 : 1)].map((name) => {
    const row = add(find(".groups"), "div", `row ${name}`, ROW), group = about.groups[name];
    put(row, ".label", group ? `${name}-shot` : whole[name][0]);
    add(row.querySelector(".label"), "small", "", "").textContent = group ? `${group.images}, ${group.classes} classes` : whole[name][1];
    return [row, name];
  });
  const setBars = (about.sets?.rows ?? []).map((name) => {
    const row = add(find(".sets"), "div", `row ${name === "all" ? "uniform" : name}`, ROW);
    put(row, ".label", name === "all" ? "all" : `${name}-shot`);
    row.dataset.sets = name;
    return [row, name];
  });
  const balancedSets = nearestSets(cache, names.balanced), most = Math.max(...(cache.tensors.sets ?? []).filter((_, k) => k % 2));
  for (const [row, name] of setBars) fill(row, ".then", balancedSets[name].size / most);
  const columns = about.environments.map((name) => {
    const column = add(find(".tests"), "div", `column ${name.split("-")[0]}`, ROW);
    put(column, ".label", shortened(name));
    return [column, name];
  });
  if (about.sets) find(".sets").insertAdjacentHTML("afterbegin",
    `<h2>Prediction sets <small>classes needed to hold the true one ${100 * about.sets.coverage} % of the time; how often they did</small></h2>`);
  const rows = Math.min(5, about.class_names.length >> 1);
  const changes = Object.fromEntries(["gain", "lose"].map((kind) => [kind, Array.from({ length: rows }, () => add(find(`.${kind}`), "li", "", CHANGE))]));
  const pictures = readPictures(cache), partsOf = parter(cache);
  if (pictures.length) find(".pictures").innerHTML = `<h2>Test images that head and tail answer differently <small>✓ where the answer is right${partsOf ? "; click on one" : ""}</small></h2><ol></ol>`;
  const frames = pictures.map(({ image, source }) => {
    const frame = add(find(".pictures ol"), "li", "picture", `<img><span class="answer"></span><small></small>`), truth = about.class_names[labels[image]];
    Object.assign(frame.querySelector("img"), { src: source, alt: truth });
    frame.dataset.image = image;
    put(frame, "small", truth);
    if (partsOf) {
      Object.assign(frame, { tabIndex: 0, title: "Why this label?" }).setAttribute("role", "button");
      frame.onclick = () => { asked = asked === image ? null : image; draw(); };
      frame.onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); frame.onclick(); } };
    }
    return [frame, image];
  });
  const why = pictures.length && partsOf ? add(find(".pictures"), "div", "why", `<h2></h2><div></div>`) : null;
  const reasons = why ? Object.entries(REASONS).map(([part, says]) => {
    const row = add(why.querySelector("div"), "div", `row ${part}`, ROW);
    put(row, ".label", says);
    return [row, part];
  }) : [];
  if (why) why.hidden = true;

  function explain(image) { // the margin of its label over the next one, and of what it is made
    const found = partsOf(image, alpha), order = found.logits.map((v, c) => [v, c]).sort((a, b) => b[0] - a[0]);
    const [label, rival] = order.map(([, c]) => c), lead = (values) => values[label] - values[rival];
    const parts = { image: lead(found.image), prior: lead(found.prior), learnt: lead(found.learnt), margin: lead(found.logits) };
    const most = Math.max(...Object.values(parts).map(Math.abs), 1e-9);
    why.querySelector("h2").innerHTML = `Why <b></b> and not <b></b>? <small>nats by which it leads; grey speaks against it</small>`;
    [label, rival].forEach((c, k) => { why.querySelectorAll("b")[k].textContent = about.class_names[c]; });
    for (const [row, part] of reasons) {
      fill(row, ".fill", Math.abs(parts[part]) / most);
      row.classList.toggle("against", parts[part] < 0);
      put(row, ".value", Math.abs(parts[part]) < 0.005 ? "±0.00" : `${parts[part] < 0 ? "−" : "+"}${Math.abs(parts[part]).toFixed(2)}`);
    }
  }
  for (const name of Object.keys(names)) {
    const [x, y] = toPoint(names[name]);
    find(".marks").innerHTML += `<g transform="translate(${x} ${y})">${mark(name)}</g>`;
    add(find(".named"), "button", name, `<svg viewBox="-9 -9 18 18" aria-hidden="true">${mark(name)}</svg>${name}`).onclick = () => turn(names[name]);
  }
  if (goal) put(root, ".aim", `goal: ${goal.says}`);
  for (const [element, name] of [...bars, ...columns]) {
    element.dataset.measure = name;
    fill(element, ".then", balanced.values[name] / top);
  }

  function draw() {
    frame = 0;
    const started = performance.now(), name = nameOf(names, alpha), { byClass, values, answer } = measure(alpha);
    const shares = alpha.map((a) => percent(100 * a)), [x, y] = toPoint(alpha), sets = nearestSets(cache, alpha);
    handle.setAttribute("transform", `translate(${x} ${y})`);
    handle.setAttribute("aria-valuenow", Math.round(100 * alpha[0]));
    handle.setAttribute("aria-valuetext", EXPERTS.map((e, i) => `${e} ${shares[i]}`).join(", "));
    sliders.forEach((label, i) => {
      const input = label.querySelector("input");
      input.value = 100 * alpha[i];
      label.style.setProperty("--share", alpha[i]);
      input.setAttribute("aria-valuenow", (100 * alpha[i]).toFixed(1));
      input.setAttribute("aria-valuetext", shares[i]);
      put(label, ".weight", shares[i]);
    });
    for (const button of root.querySelectorAll(".named button")) button.setAttribute("aria-pressed", button.classList.contains(name));
    put(root, ".copied", `preference=${name && name !== "goal" ? `"${name}"` : `(${alpha.map((a) => a.toFixed(3)).join(", ")})`}`);
    for (const [element, key] of [...bars, ...columns]) {
      fill(element, ".fill", values[key] / top);
      put(element, ".value", element.classList.contains("column") ? values[key].toFixed(1) : percent(values[key]));
      put(element, ".delta", signed(values[key] - balanced.values[key]));
    }
    for (const [row, key] of setBars) {
      fill(row, ".fill", sets[key].size / most);
      put(row, ".value", sets[key].size.toFixed(1));
      put(row, ".delta", percent(sets[key].coverage));
    }
    for (const [element, image] of frames) {
      const right = answer[image] === labels[image];
      put(element, ".answer", (right ? "✓ " : "") + about.class_names[answer[image]]);
      element.classList.toggle("right", right);
      if (partsOf) element.setAttribute("aria-pressed", image === asked);
    }
    if (why) {
      why.hidden = asked === null;
      if (asked !== null) explain(asked);
    }
    const change = Array.from(byClass, (share, c) => [share - balanced.byClass[c], c]).sort((a, b) => b[0] - a[0]);
    for (const [kind, sign, first] of [["gain", 1, change], ["lose", -1, change.toReversed()]]) changes[kind].forEach((row, k) => {
      const [by, c] = first[k], moved = sign * by > 1e-6;
      put(row, ".label", moved ? about.class_names[c] : "–");
      put(row, "small", moved ? `${about.train_counts[c]} images` : "");
      put(row, ".delta", moved ? signed(100 * by) : "");
      fill(row, ".fill", moved ? (sign * by) / widest : 0);
    });
    root.dataset.milliseconds = (performance.now() - started).toFixed(1);
    put(root, ".took", `${root.dataset.milliseconds} ms`);
    clearTimeout(silence); // spoken when the hand rests
    silence = setTimeout(() => put(root, ".spoken", bars.map(([, key]) => `${key === "uniform" ? "all" : key} ${percent(values[key])}`).join(", ")
      + setBars.map(([, key], k) => `${k ? "," : "; sets:"} ${key} ${sets[key].size.toFixed(1)} classes`).join("")), 700);
  }
  function move(to) {
    to = thousandths(to);
    to = names[nameOf(names, to)] ?? to;
    if (to.every((v, i) => v === alpha[i])) return false;
    alpha = to;
    frame ||= requestAnimationFrame(draw); // many events, one drawing for each frame
    return true;
  }
  const turn = (to) => { if (move(to)) changed(alpha); };

  const toEvent = (event) => {
    const box = svg.getBoundingClientRect(), scale = 340 / box.width;
    turn(fromPoint((event.clientX - box.left) * scale, (event.clientY - box.top) * scale));
  };
  svg.onpointerdown = (event) => {
    if (event.button) return; // only a finger, a pen or the left button
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    handle.focus({ preventScroll: true });
    toEvent(event);
  };
  svg.onpointermove = (event) => { if (svg.hasPointerCapture(event.pointerId)) toEvent(event); };
  handle.onkeydown = (event) => {
    const step = event.shiftKey ? 0.1 : 0.02, s = step / 2;
    const by = { ArrowUp: [step, -s, -s], ArrowDown: [-step, s, s], ArrowLeft: [0, step, -step], ArrowRight: [0, -step, step] }[event.key];
    const to = by ? alpha.map((a, i) => Math.max(a + by[i], 0)) : { Home: names.head, End: names.tail }[event.key];
    if (!to) return;
    event.preventDefault();
    turn(to);
  };
  sliders.forEach((label, i) => {
    label.querySelector("input").oninput = (event) => turn(linked(alpha, i, event.target.value / 100));
  });
  find(".copy").onclick = async () => {
    getSelection().selectAllChildren(find(".copied"));
    const copied = await navigator.clipboard?.writeText(find(".copied").textContent).then(() => "Copied", () => null);
    put(root, ".copy", copied ?? "Selected");
    setTimeout(() => put(root, ".copy", "Copy"), 1500);
  };

  askable(root, cache, pictures, turn);
  const { config } = about;
  find("footer").innerHTML = `<p class="what"></p><p class="how"></p><p class="which"></p><p>This step took <span class="took"></span>.</p>`;
  put(root, ".what", `${about.run}: ${config.method} on ${config.dataset}, ${about.budget}, seed ${config.seed}, commit ${about.commit}, ${about.hardware}.`);
  put(root, ".how", `Top-1 accuracy on the whole test set (${cache.tensors.labels.length.toLocaleString("en")} images), weighted to each test distribution; no prior known. Groups: every class counts alike.`);
  if (about.sets) {
    const { coverage, rows, images, own } = about.sets, classes = about.class_names.length, fewest = Math.min(...images);
    const thresholds = own === classes ? "every class has its own threshold" : `${own} of ${classes} classes have their own threshold, the others their group's`;
    put(root, ".which", `Prediction sets: ${thresholds}, from half of its test images; measured on the other half, at the nearest of ${cache.tensors.sets.length / rows.length / 2} preferences. `
      + `By chance a group's share is off by up to ${(196 * Math.sqrt(coverage * (1 - coverage) / fewest)).toFixed(1)} points (95 %).`);
  }
  draw();
  return { move };
}

export default { // the contract of anywidget
  render({ model, el }) {
    const dial = show(el, model.get("cache"), (alpha) => { model.set("preference", alpha); model.save_changes(); });
    const follow = () => dial.move(model.get("preference"));
    follow();
    model.on("change:preference", follow);
    return () => model.off("change:preference", follow);
  },
};
