// Questions for a preference, as prl.control.frontier, elicit_belief and elicit ask them, about the test images of a dial's cache.
// It stands before dial.js in one script, and uses its `measurer`; nothing is computed before somebody asks for a question.

const STEPS = 50, BLUR = 0.06, SHARPNESS = 4, SLIPS = 0.1, VISIBLE = 3, NAMED = 3, TIED = 1e-9, QUESTIONS = 8, MORE = 2;
const THETAS = Array.from({ length: 101 }, (_, k) => -0.5 + 0.025 * k); // from LOW to HIGH

const dot = (a, b) => { let sum = 0; for (let k = 0; k < a.length; k++) sum += a[k] * b[k]; return sum; };
const firstLeast = (values) => { const least = Math.min(...values); return values.findIndex((v) => v <= least + TIED); };
const even = (x) => { const low = Math.floor(x); return x - low === 0.5 ? low + (low % 2) : Math.round(x); }; // as numpy rounds
const entropy = (p) => (p > 0 ? -p * Math.log(p) : 0);
const settingAt = ({ head, tail }, k) => head.map((h, i) => ((STEPS - k) * h + k * tail[i]) / STEPS);

// ---------------------------------------------------------------- what the settings get wrong

function blurred(rates) { // (K, C): averaged over neighbouring settings
  return rates.map((_, i) => {
    const near = rates.map((_, j) => Math.exp(-0.5 * ((i - j) / STEPS / BLUR) ** 2)), total = near.reduce((a, b) => a + b);
    return rates[0].map((_, c) => rates.reduce((sum, row, j) => sum + near[j] * row[c], 0) / total);
  });
}

async function frontierOf(cache, tell) { // `tell` hears how much is done: a share
  const { about, tensors: { labels } } = cache, measure = measurer(cache), there = new Set(labels), rates = [];
  for (let k = 0, rested = 0; k <= STEPS; k++) {
    rates.push(Array.from(measure(settingAt(about.names, k)).byClass, (right, c) => (there.has(c) ? 1 - right : 0)));
    if (performance.now() - rested < 50) continue;
    tell(k / STEPS);
    await new Promise((go) => setTimeout(go)); // the page stays awake
    rested = performance.now();
  }
  const seen = about.train_counts.map((n, c) => (there.has(c) ? n : 0)), total = seen.reduce((a, b) => a + b);
  const counts = about.train_counts, highest = Math.max(...counts);
  return { names: about.class_names, counts, shares: counts.map((n) => n / highest), mixture: seen.map((n) => n / total), rates: blurred(rates) };
}

const weight = ({ shares }, c, theta) => shares[c] ** -theta; // of a missed image of a class

function shownMisses({ mixture, rates }) { // of how many images: 100, 1000, ...; misses of each setting (K, C)
  const rarest = Math.min(...mixture.filter((share) => share > 0)), of = 10 ** Math.max(2, Math.ceil(Math.log10(10 / rarest)));
  return { of, misses: rates.map((row) => row.map((rate, c) => even(of * mixture[c] * rate))) };
}

// ---------------------------------------------------------------- what answers say of it

function beliefOf(frontier) { // -> { question(), answer("A", "B" or null), found() }
  const { mixture, rates, names, counts } = frontier, { of, misses } = shownMisses(frontier), pairs = [];
  misses.forEach((one, a) => misses.slice(a + 1).forEach((other, k) => {
    if (one.reduce((sum, n, c) => sum + Math.abs(other[c] - n), 0) >= VISIBLE) pairs.push([a, a + 1 + k]);
  }));
  const weighed = mixture.map((share, c) => THETAS.map((theta) => share * weight(frontier, c, theta))); // (C, thetas)
  const likely = pairs.map(([a, b]) => { // of A, at each theta
    const onlyA = new Float64Array(THETAS.length), onlyB = new Float64Array(THETAS.length);
    weighed.forEach((row, c) => {
      const gap = rates[b][c] - rates[a][c], missed = gap > 0 ? onlyB : onlyA;
      if (gap) row.forEach((w, t) => { missed[t] += w * Math.abs(gap); });
    });
    return onlyA.map((a, t) => SLIPS + (1 - 2 * SLIPS) / (1 + Math.exp(-SHARPNESS * (Math.log(onlyB[t] + 1e-12) - Math.log(a + 1e-12)))));
  });
  const noise = likely.map((row) => row.map((p) => entropy(p) + entropy(1 - p))), left = new Set(pairs.keys());
  const regrets = THETAS.map((_, t) => {
    const costs = rates.map((row) => row.reduce((sum, rate, c) => sum + rate * weighed[c][t], 0));
    const low = Math.min(...costs), range = Math.max(Math.max(...costs) - low, 1e-12);
    return costs.map((cost) => (cost - low) / range);
  });
  const best = regrets.map(firstLeast), settings = [...rates.keys()];
  let chances = THETAS.map(() => 1 / THETAS.length), answers = 0;

  const says = (q) => { const a = dot(likely[q], chances); return entropy(a) + entropy(1 - a) - dot(noise[q], chances); };
  const next = () => { const open = [...left]; return open[firstLeast(open.map((q) => -says(q)))]; };
  const quantile = (shares, at) => { let sum = 0; const k = shares.findIndex((p) => (sum += p) >= at); return k < 0 ? shares.length - 1 : k; };
  return {
    answer(said) {
      const asked = next();
      left.delete(asked);
      if (!said) return;
      chances = chances.map((p, t) => p * (said === "A" ? likely[asked][t] : 1 - likely[asked][t]));
      const total = chances.reduce((a, b) => a + b);
      chances = chances.map((p) => p / total);
      answers++;
    },
    question() { // null: all have been asked
      if (!left.size) return null;
      const pair = pairs[next()], [a, b] = pair.map((k) => misses[k]), gap = a.map((n, c) => (b[c] - n) * weight(frontier, c, 0.5));
      const rising = [...gap.keys()].sort((i, j) => gap[i] - gap[j]), most = [...rising].sort((i, j) => Math.abs(gap[j]) - Math.abs(gap[i]));
      const named = [...new Set([rising.at(-1), rising[0], ...most])].filter((c) => gap[c]).slice(0, NAMED);
      const others = [a, b].map((row) => row.reduce((sum, n, c) => sum + (named.includes(c) ? 0 : n), 0));
      return { pair, of, classes: named.map((c) => ({ c, name: names[c], misses: [a[c], b[c]] })), others };
    },
    found() {
      const possible = settings.map((k) => best.reduce((sum, one, t) => sum + (one === k ? chances[t] : 0), 0));
      const seen = [...names.keys()].filter((c) => mixture[c] > 0), thetas = [0.05, 0.5, 0.95].map((at) => THETAS[quantile(chances, at)]);
      const rare = seen.reduce((i, j) => (counts[j] < counts[i] ? j : i)), common = seen.reduce((i, j) => (counts[j] > counts[i] ? j : i));
      const [low, middle, high] = thetas.map((theta) => (counts[common] / counts[rare]) ** theta)
        .map((r) => (r >= 10 ? Math.round(r).toLocaleString("en") : `${Number(r.toPrecision(2))}`));
      return {
        answers, possible, chosen: firstLeast(settings.map((k) => THETAS.reduce((sum, _, t) => sum + chances[t] * regrets[t][k], 0))),
        places: [0.05, 0.95].map((at) => quantile(possible, at)),
        says: `One ${names[rare]} missed weighs like ${middle} of ${names[common]} (90 % interval ${low} to ${high}).`,
      };
    },
    any: pairs.length > 0,
  };
}

// ---------------------------------------------------------------- the questions on the page

const ASKING = `<div aria-live="polite" aria-atomic="true"><p class="question" tabindex="-1"></p>
    <table><thead><tr><th scope="col"><span>class</span></th><th scope="col">A</th><th scope="col">B</th></tr></thead><tbody></tbody></table></div>
  <div class="answers" role="group" aria-label="Your answer"><button type="button" class="a" aria-keyshortcuts="a">A</button><button type="button"
    class="b" aria-keyshortcuts="b">B</button><button type="button" class="doubt" aria-keyshortcuts="c">Cannot say</button></div>
  <div class="ends"><button type="button" class="enough">Enough</button><button type="button" class="more">Two more questions</button><button type="button" class="close">Close</button></div>
  <p class="counted"></p>`;

function askable(root, cache, pictures, turn) { // below the sliders: a button, and what it opens
  const { about, tensors: { labels } } = cache, controls = root.querySelector(".controls"), possible = root.querySelector(".possible");
  const open = add(controls, "button", "ask", "Ask me"), panel = add(controls, "section", "asking", ASKING);
  const part = (name) => panel.querySelector(name), visible = (name, shown) => { part(name).hidden = !shown; };
  const focus = () => part(".question").focus({ preventScroll: true }); // so that the keys go on
  const words = (k) => `head ${100 - 2 * k} tail ${2 * k}`;
  let frontier = null, belief = null, asked = 0, most = QUESTIONS;
  open.type = "button";
  open.title = "Some questions instead of a place in the triangle";
  panel.hidden = true;
  panel.setAttribute("aria-label", "Questions");
  put(panel, ".counted", `Counted on this page's ${labels.length.toLocaleString("en")} test images: at a preference chosen by them, their figures are no unbiased estimate.`);

  function drawPossible(shares) {
    const largest = Math.max(...shares);
    possible.innerHTML = shares.map((share, k) => {
      const [x, y] = toPoint(settingAt(about.names, k));
      return share > 1e-3 ? `<circle cx="${x}" cy="${y}" r="${(13 * Math.sqrt(share / largest)).toFixed(2)}"/>` : "";
    }).join("");
  }
  function drawQuestion(question) {
    panel.dataset.pair = question.pair;
    put(panel, ".question", `${asked + 1} of ${most}. Of ${question.of.toLocaleString("en")} images as they will come, A and B get these wrong. Which would you rather have?`);
    const body = part("tbody");
    body.replaceChildren();
    for (const { c, name, misses } of [...question.classes, { name: "all others", misses: question.others }]) {
      if (c === undefined && !misses.some((n) => n)) continue;
      const row = add(body, "tr", "", `<th scope="row"><span></span></th><td></td><td></td>`), picture = pictures.find(({ image }) => labels[image] === c);
      put(row, "span", name);
      row.querySelectorAll("td").forEach((cell, k) => { cell.textContent = misses[k].toLocaleString("en"); });
      if (picture) row.querySelector("th").prepend(Object.assign(new Image(), { src: picture.source, alt: "" }));
    }
  }
  function step() { // the next question, or what the answers lead to
    const question = asked < most ? belief.question() : null, found = belief.found();
    controls.classList.toggle("questioned", Boolean(question));
    for (const name of ["table", ".answers"]) visible(name, question);
    visible(".enough", question && found.answers);
    visible(".more", !question && belief.question());
    drawPossible(found.possible);
    if (question) return drawQuestion(question);
    if (found.answers) turn(settingAt(about.names, found.chosen));
    const [first, last] = found.places.map((k) => 2 * k);
    put(panel, ".question", found.answers
      ? `Found: ${words(found.chosen)}, by ${found.answers} answer${found.answers > 1 ? "s" : ""}; with 90 % certainty tail ${first} to ${last}, the dots in the triangle. ${found.says}`
      : "Nothing was answered, so nothing is found.");
    focus();
  }
  function answer(said) {
    if (part(".answers").hidden) return;
    belief.answer(said);
    asked++;
    step();
  }
  function close() {
    panel.hidden = true;
    open.hidden = false;
    controls.classList.remove("questioned");
    possible.innerHTML = "";
    open.focus({ preventScroll: true });
  }
  open.onclick = async () => {
    open.disabled = true;
    frontier ??= await frontierOf(cache, (share) => { open.textContent = `Trying settings, ${Math.round(100 * share)} %`; });
    Object.assign(open, { disabled: false, textContent: "Ask me", hidden: true });
    [belief, asked, most] = [beliefOf(frontier), 0, QUESTIONS];
    panel.hidden = false;
    step();
    if (!belief.any) put(panel, ".question", `No two settings of this dial differ by ${VISIBLE} misses, so there is nothing to ask: any preference serves, on these images.`);
    focus();
    panel.scrollIntoView({ block: "nearest" });
  };
  part(".a").onclick = () => answer("A");
  part(".b").onclick = () => answer("B");
  part(".doubt").onclick = () => answer(null);
  part(".enough").onclick = () => { most = asked; step(); };
  part(".more").onclick = () => { most = asked + MORE; step(); focus(); };
  part(".close").onclick = close;
  panel.onkeydown = (event) => {
    const does = { a: () => answer("A"), b: () => answer("B"), c: () => answer(null), escape: close }[event.key.toLowerCase()];
    if (does && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey) does();
  };
}
