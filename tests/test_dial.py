"The dial in a real browser: as a page opened from disk, and as the notebook's widget."

import ast
import json
import re
from dataclasses import replace

import pytest
import torch
from conftest import ROOT
from safetensors.torch import save_file
from sklearn.metrics import f1_score

from prl.control.cache import read_cache
from prl.control.conformal import conformal_sets, measured
from prl.control.dial import Dial
from prl.control.elicit import Elicitation
from prl.control.frontier import frontier_of
from prl.control.goals import Goal
from prl.control.labelled import of_model
from prl.control.margin import margins, parts
from prl.control.page import export_page
from prl.control.solution import solve
from prl.control.split import halves
from prl.control.validation import of_run
from prl.data.kept import read_checkpoint
from prl.fit.config import Config
from prl.model.features import predict
from prl.preference import grid, resolve
from prl.study.many import measure

RUNS = {
    "digits": "digits-ir50-prl-s0",
    "cifar100": "cifar100-ir100-prl-epochs24-s0",
}  # whose caches are committed
CORNERS = [(170, 30), (30, 272), (310, 272)]  # of the triangle, in a drawing 340 wide


def committed(name):
    return read_cache(ROOT / "reports/runs" / RUNS[name] / "dial.safetensors")


@pytest.fixture
def opened(browser, tmp_path):
    "Opens a cache's page; in the end no page may have logged, raised, or asked the network."
    troubles, pages = [], []

    def open_page(cache, width=1200):
        page = browser.new_page(viewport={"width": width, "height": 820})
        pages.append(page)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith("file:") or troubles.append(request.url),
        )
        page.goto(export_page(cache, tmp_path / "dial.html").as_uri())
        page.wait_for_selector(".prl-dial[data-milliseconds]")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert troubles == []


def settle(page):
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def place(page, alpha):
    "Where a preference lies on the screen."
    box = page.locator(".triangle").bounding_box()
    return [
        box[side] + box["width"] / 340 * sum(a * corner[k] for a, corner in zip(alpha, CORNERS))
        for k, side in enumerate("xy")
    ]


def drag(page, alpha, steps=5):
    page.mouse.move(*place(page, weights(page)))
    page.mouse.down()
    page.mouse.move(*place(page, alpha), steps=steps)
    page.mouse.up()
    settle(page)


def weights(page):
    "The preference that the sliders show."
    return [
        float(text.removesuffix(" %")) / 100 for text in page.locator(".weight").all_inner_texts()
    ]


def copied(page):
    "The preference as it is copied: what `model(images, preference=...)` takes."
    return ast.literal_eval(page.locator(".copied").inner_text().removeprefix("preference="))


def shown(page):
    "Accuracy of each group and test set, percent; `all` is the uniform test set in both charts."
    return {
        e.get_attribute("data-measure"): float(e.locator(".value").inner_text().removesuffix(" %"))
        for e in page.locator("[data-measure]").all()
    }


def by_library(cache, preference):
    "The same from prl.evaluate."
    with torch.no_grad():
        answered = predict(cache.features, cache.model.heads(preference)[None])[:, 0]
    right = (answered == cache.labels).float()
    columns = cache.environments.weighted | cache.environments.by_group("uniform")
    del columns["all"]  # the uniform test set once more
    return {name: 100 * float(w @ right) for name, w in columns.items()}


def shown_sets(page):
    "Coverage (%) and size (classes) of the prediction sets of each group and of all."
    return {
        e.get_attribute("data-sets"): tuple(
            float(e.locator(part).inner_text().removesuffix(" %")) for part in (".delta", ".value")
        )
        for e in page.locator("[data-sets]").all()
    }


def sets_by_library(cache, preference):
    "The same from prl.control.conformal, computed anew for the nearest of the dial's preferences."
    points, half = grid(24), halves(cache.labels)
    far = (points - resolve(preference, cache.model.regimes)).square().sum(1)
    nearest = points[far <= far.min() + 1e-7][0]
    calibrating = cache.features[half], cache.labels[half]
    sets = conformal_sets(cache.model, nearest, *calibrating, groups=cache.groups)
    table = measured(sets, cache.features[~half], cache.labels[~half], resamples=0)
    return {row.Index: (row.coverage, row.classes) for row in table.itertuples()}


def agrees(page, cache):
    "Every number on the page is the library's to 0.1 points or classes."
    here, there = shown(page), by_library(cache, copied(page))
    assert here.keys() == there.keys() and len(here) == 14
    assert all(abs(here[name] - there[name]) < 0.1 for name in here), (here, there)
    here, there = shown_sets(page), sets_by_library(cache, copied(page))
    assert here.keys() == there.keys() == {"many", "medium", "few", "all"}
    assert all(here[name] == pytest.approx(there[name], abs=0.1) for name in here), (here, there)


@pytest.mark.parametrize("name", RUNS)
def test_dragging_changes_the_numbers_to_the_librarys(opened, name):
    cache = committed(name)
    page = opened(cache)
    before = shown(page)
    assert copied(page) == "balanced"
    agrees(page, cache)
    for alpha in ((0.1, 0.2, 0.7), (0.7, 0.2, 0.1), (0, 0.9, 0.1), (0.4, 0.3, 0.3)):
        drag(page, alpha)
        assert copied(page) == pytest.approx(alpha, abs=0.01) and sum(
            copied(page)
        ) == pytest.approx(1)
        assert weights(page) == pytest.approx(copied(page), abs=1e-3)
        agrees(page, cache)
        assert float(page.locator(".took").inner_text().removesuffix(" ms")) >= 0
    assert shown(page) != before
    gained = page.locator(".gain li .delta").first.inner_text()
    assert re.fullmatch(r"\+\d+\.\d", gained)


def test_outside_the_triangle_is_its_border(opened):
    page = opened(committed("digits"))
    drag(page, (-0.3, 0.4, 0.9))
    assert copied(page)[0] == 0 and copied(page)[2] > copied(page)[1] > 0


def test_named_preferences(opened):
    cache = committed("digits")
    page = opened(cache)
    for name in ("head", "tail", "balanced"):
        page.get_by_role("button", name=name).click()
        settle(page)
        assert (
            copied(page) == name
            and page.get_by_role("button", name=name).get_attribute("aria-pressed") == "true"
        )
        agrees(page, cache)
    page.get_by_role("button", name="Copy").click()
    page.wait_for_function("document.querySelector('.copy').textContent != 'Copy'")
    assert page.evaluate("getSelection().toString()") == 'preference="balanced"'


def test_keyboard(opened):
    cache = committed("digits")
    page = opened(cache)
    handle = page.get_by_role("slider", name="Preference")
    handle.focus()
    for key, expected in (
        ("End", "tail"),
        ("Home", "head"),
        ("ArrowDown", (0.98, 0.01, 0.01)),
        ("Shift+ArrowDown", (0.88, 0.06, 0.06)),
        ("ArrowRight", (0.88, 0.04, 0.08)),
        ("ArrowLeft", (0.88, 0.06, 0.06)),
    ):
        page.keyboard.press(key)
        settle(page)
        assert copied(page) == (
            expected if isinstance(expected, str) else pytest.approx(expected)
        ), key
    assert (
        handle.get_attribute("aria-valuenow") == "88"
        and handle.get_attribute("aria-valuetext")
        == "forward 88.0 %, uniform 6.0 %, backward 6.0 %"
    )
    agrees(page, cache)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "head", (
        "the named preferences follow"
    )


def test_sliders_are_linked(opened):
    cache = committed("digits")
    page = opened(cache)
    head, uniform, tail = page.locator("input").all()
    head.focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert copied(page) == pytest.approx((0.34, 0.33, 0.33))
    uniform.fill("50")
    settle(page)
    assert copied(page) == pytest.approx((0.254, 0.5, 0.246), abs=0.0011), (
        "the others keep their ratio"
    )
    uniform.fill("100")
    tail.fill("40")
    settle(page)
    assert copied(page) == pytest.approx((0, 0.6, 0.4)) and sum(weights(page)) == pytest.approx(1)
    assert [s.get_attribute("aria-valuetext") for s in (head, uniform, tail)] == [
        "0.0 %",
        "60.0 %",
        "40.0 %",
    ]
    agrees(page, cache)


def test_says_what_made_it(opened):
    cache = committed("cifar100")
    footer = opened(cache).locator("footer").inner_text()
    for said in (
        "every class has its own threshold, from half of its test images",
        "the nearest of 325 preferences",
        "off by up to 1.5 points",
        "cifar100",
        "24 epochs",
        "seed 0",
        cache.about["commit"],
        cache.about["hardware"],
        "whole test set (10,000 images)",
        "weighted",
    ):
        assert said in footer


def test_a_narrow_screen_shows_everything(opened):
    page = opened(committed("cifar100"), width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    drag(page, (0.2, 0.2, 0.6))
    assert copied(page) == pytest.approx((0.2, 0.2, 0.6), abs=0.01)


def test_prediction_sets_say_how_many_classes_are_left(opened):
    page = opened(committed("cifar100"))
    assert "90 % of the time" in page.locator(".sets h2").inner_text()
    few = {}
    for name in ("head", "tail"):
        page.get_by_role("button", name=name).click()
        settle(page)
        few[name] = shown_sets(page)["few"][1]
    assert few["tail"] < few["head"], (
        "the tail preference leaves a few-shot image with fewer classes"
    )


def test_a_cache_without_prediction_sets_shows_the_rest(opened, tmp_path):
    cache = committed("digits")
    save_file(
        {k: v for k, v in read_checkpoint(cache.path)[1].items() if "set" not in k},
        tmp_path / "none.safetensors",
        {"about": json.dumps(cache.about | {"sets": None})},
    )
    page = opened(cache._replace(path=tmp_path / "none.safetensors"))
    assert page.locator(".sets").inner_text() == "" and len(shown(page)) == 14


def pictures(page):
    "What is written below each test image: the answer, and whether it is marked as right."
    found = {}
    for frame in page.locator(".picture").all():
        answer = frame.locator(".answer").inner_text()
        found[int(frame.get_attribute("data-image"))] = answer.removeprefix("✓ "), answer[0] == "✓"
    return found


def test_test_images_change_their_label_as_the_library_says(opened, tmp_path):
    cache = read_cache(measure(Config(runs=str(tmp_path), epochs=2, simplex_steps=1)))
    page, names = opened(cache, width=400), cache.model.class_names
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    widths = page.locator(".picture img").evaluate_all("all => all.map((one) => one.naturalWidth)")
    assert 0 < len(widths) <= 12 and set(widths) == {8}, "digits are shown as they are"
    shown_at = {}
    for name in ("head", "tail"):
        page.get_by_role("button", name=name).click()
        settle(page)
        shown_at[name] = pictures(page)
        for image, (answer, right) in shown_at[name].items():
            best = cache.model.logits(cache.features[[image]], name).argmax().item()
            assert answer == names[best] and right == (best == cache.labels[image])
    assert all(shown_at["head"][image] != shown_at["tail"][image] for image in shown_at["head"])
    assert page.locator(".picture").first.locator("small").inner_text() in names


SIGNS = str.maketrans("−", "-", "±")


@pytest.mark.parametrize("method", ["prl", "prl_environment", "dial"])
def test_a_click_on_a_test_image_says_why_it_has_its_label(method, opened, tmp_path):
    cache = read_cache(
        measure(Config(method=method, runs=str(tmp_path), epochs=2, simplex_steps=1))
    )
    page, names = opened(cache), cache.model.class_names
    frame = page.locator(".picture").first
    assert not page.locator(".why").is_visible()
    frame.click()
    for name in ("tail", "balanced"):
        page.get_by_role("button", name=name).first.click()
        settle(page)
        features = cache.features[[int(frame.get_attribute("data-image"))]]
        label, rival = cache.model.logits(features, name)[0].topk(2).indices.tolist()
        assert page.locator(".why b").all_inner_texts() == [names[label], names[rival]]
        expected = margins(parts(cache.model, features, name), label, rival).iloc[0]
        for part, value in expected.items():
            shown = (
                page.locator(f".why .{part} .value").inner_text().translate({8722: "-", 177: ""})
            )
            assert float(shown) == pytest.approx(value, abs=0.006)
    frame.press("Enter")
    assert not page.locator(".why").is_visible()


def test_a_cache_without_pictures_has_no_place_for_them(opened):
    assert opened(committed("digits")).locator(".pictures").inner_text() == ""


@pytest.mark.parametrize(
    "settings",
    [
        {"branches": 3},
        {"rank": 4, "branches": 3},
        {"method": "prl_no_hypernet"},
        {"method": "prl_released"},
        {"method": "dial"},
        {"regimes": "vertex"},
        {"method": "prl_offset"},
        {"method": "prl_offset", "rank": 4, "branches": 3},
    ],
    ids=[
        "three branches",
        "low rank",
        "free heads",
        "released",
        "post-hoc dial",
        "vertex",
        "offset",
        "offset, low rank",
    ],
)
def test_other_heads(opened, settings, tmp_path):
    cache = read_cache(measure(Config(runs=str(tmp_path), epochs=2, simplex_steps=1, **settings)))
    page = opened(cache)
    for alpha in ((0.1, 0.3, 0.6), (0.8, 0.1, 0.1)):
        drag(page, alpha)
        agrees(page, cache)


def asks_of(cache):
    "The library's questions about the images that the page has."
    seen = of_model(cache.model, cache.features, cache.labels, cache.groups)
    return Elicitation(frontier_of(seen))


def asked(page):
    "A question as it stands on the page: the settings, and what each gets wrong."
    panel = page.locator(".asking")
    rows = [row.locator("th, td").all_inner_texts() for row in panel.locator("tbody tr").all()]
    misses = {name: tuple(int(n.replace(",", "")) for n in cells) for name, *cells in rows}
    others = misses.pop("all others", (0, 0))
    return tuple(map(int, panel.get_attribute("data-pair").split(","))), misses, others


@pytest.mark.parametrize(
    ("name", "answers"), [("digits", "ABABBAAB"), ("digits", "BcBBaB"), ("cifar100", "AABABBBB")]
)
def test_it_asks_what_the_library_asks_and_goes_where_the_library_goes(name, answers, opened):
    cache = committed(name)
    page, asks = opened(cache), asks_of(cache)
    page.get_by_role("button", name="Ask me").click()
    page.wait_for_selector(".asking:not([hidden])")
    for said in answers:
        question = asks.question()
        assert asked(page) == (question.numbers, question.misses, question.others)
        assert f"Of {question.of:,} images" in page.locator(".question").inner_text()
        page.keyboard.press(said)
        asks.answer(None if said == "c" else said)
    if len(answers) < 8:
        page.get_by_role("button", name="Enough").click()
    settle(page)
    found, says = asks.found(), page.locator(".question").inner_text()
    assert copied(page) == pytest.approx(resolve(found.preference).tolist(), abs=1e-3)
    low, high = (f"{100 * place:.0f}" for place in found.places)
    assert f"tail {low} to {high}" in says and f"{found.answers} answers" in says
    assert found.preference in says and found.says in says
    dots = page.locator(".possible circle")
    assert dots.count() == (found.possible > 1e-3).sum()


def test_questions_stop_where_they_are_told_and_leave_nothing(opened):
    page = opened(committed("digits"), width=420)
    assert page.locator(".asking").is_hidden() and page.locator(".possible circle").count() == 0
    page.get_by_role("button", name="Ask me").click()
    page.wait_for_selector(".asking:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert "500 test images" in page.locator(".counted").inner_text()
    assert page.locator(".sliders").is_hidden()
    for _ in range(8):
        page.keyboard.press("a")
    settle(page)
    at_eight = copied(page)
    assert at_eight != "balanced" and page.locator(".answers").is_hidden()
    page.get_by_role("button", name="Two more questions").click()
    assert "9 of 10" in page.locator(".question").inner_text()
    page.keyboard.press("Escape")
    settle(page)
    assert page.locator(".asking").is_hidden() and page.locator(".possible circle").count() == 0
    assert copied(page) == at_eight and page.locator(".sliders").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Ask me"


def test_a_question_shows_pictures_of_its_classes_where_there_are_some(opened, tmp_path):
    cache = read_cache(measure(Config(runs=str(tmp_path), epochs=4, simplex_steps=1)))
    page, names = opened(cache), cache.model.class_names
    shown = {names[cache.labels[k]] for k in cache.about["pictures"]["images"]}
    page.get_by_role("button", name="Ask me").click()
    page.wait_for_selector(".asking:not([hidden])")
    seen = set()
    for _ in range(8):
        for row in page.locator(".asking tbody tr").all():
            name = row.locator("th").inner_text()
            assert row.locator("img").count() == (name in shown)
            seen |= {name} & shown
        page.keyboard.press("b")
    assert seen, "some class of some question has a picture"


WIDGET = """async ([source, cache, preference]) => {  // a page in the place of Jupyter
    const code = new Blob([source], { type: "text/javascript" });
    const { default: widget } = await import(URL.createObjectURL(code));
    const state = { cache: new DataView(Uint8Array.from(cache).buffer), preference };
    const listeners = {};
    window.saved = [];
    window.model = {
        get: (key) => state[key],
        set: (key, value) => { state[key] = value; },
        save_changes: () => saved.push(state.preference),
        on: (event, f) => { listeners[event] = f; },
        off: (event) => { delete listeners[event]; },
    };
    window.fromPython = (value) => {
        state.preference = value;
        listeners["change:preference"]?.();
    };
    const el = document.body.appendChild(document.createElement("div"));
    window.cleanUp = widget.render({ model, el });
}"""


def test_widget(browser):
    cache = committed("digits")
    dial, page, troubles = Dial(cache), browser.new_page(), []
    page.on("console", lambda message: troubles.append(message.text))
    dial.preference = "tail"
    page.add_style_tag(content=dial._css)
    page.evaluate(WIDGET, [dial._esm, list(dial.cache), dial.preference])
    settle(page)
    assert copied(page) == "tail", "it starts where Python is"
    drag(page, (0.3, 0.1, 0.6))
    dial.preference = page.evaluate("saved.at(-1)")  # Python is told, and keeps what it was told
    assert dial.preference == pytest.approx(copied(page)) == page.evaluate("saved.at(-1)")
    count = page.evaluate("saved.length")
    page.evaluate("fromPython([1, 0, 0])")
    settle(page)
    assert copied(page) == "head" and page.evaluate("saved.length") == count, (
        "what comes from Python is not sent back"
    )
    agrees(page, cache)
    page.get_by_role("button", name="Ask me").click()
    page.wait_for_selector(".asking:not([hidden])")
    page.keyboard.press("b")
    page.get_by_role("button", name="Enough").click()
    settle(page)
    asks = asks_of(cache)
    asks.answer("B")
    dial.preference = page.evaluate("saved.at(-1)")  # an answer sets it as a hand does
    assert dial.preference == pytest.approx(resolve(asks.found().preference).tolist(), abs=1e-3)
    page.evaluate("fromPython([1, 0, 0])")
    settle(page)
    page.evaluate("cleanUp(); fromPython([0, 0.5, 0.5])")
    settle(page)
    assert copied(page) == "head" and troubles == []
    page.close()


def test_a_goal_is_marked_and_uneven_test_images_are_counted_as_they_came(opened, tmp_path):
    run = measure(Config(runs=str(tmp_path), epochs=4, holdout=0.2, simplex_steps=1))
    found = solve(of_run(run).chooses, Goal(best="macro-F1"))
    rule = replace(found.rule, preference=(0.6, 0.35, 0.05))
    replace(found, rule=rule).save(run / "goal.json")
    cache = read_cache(run)
    page = opened(cache)
    assert page.locator(".aim").inner_text() == "goal: best macro-F1"
    page.click(".named .goal")
    settle(page)
    assert copied(page) == rule.preference
    with torch.no_grad():
        answered = predict(cache.features, cache.model.heads(rule.preference)[None])[:, 0]
    macro = f1_score(cache.labels, answered, average="macro", zero_division=0)
    here = shown(page)
    assert here["overall"] == pytest.approx(
        100 * float((answered == cache.labels).float().mean()), abs=0.06
    )
    assert here["macro-F1"] == pytest.approx(100 * macro, abs=0.06)
