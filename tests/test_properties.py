"What holds for any input, tried on drawn ones: `make properties` draws a hundred times as many."

import math
import string

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from prl import longtail, loss, preference
from prl.control import conformal, estimate, labelled
from prl.control.goals import GRAMMAR, Goal, bound
from prl.control.solution import solve
from prl.data.dataset import load_data
from prl.data.lists import read_list
from prl.fit.config import Config
from prl.interval import bootstrap

SHARE = st.floats(0, 1, width=32)
NUMBER = st.integers(-240, 240).map(lambda n: n / 8)  # to which small numbers can be added exactly
REGIMES = st.sampled_from(list(preference.REGIMES))


@st.composite
def simplex(draw, size=3):
    weights = np.array(draw(st.lists(SHARE, min_size=size, max_size=size)), dtype=np.float64)
    assume(weights.sum() > 1e-3)
    return torch.tensor(weights / weights.sum()).float()


@st.composite
def counted(draw, least=2, most=12):
    "Images of each class, in any order, none alike: of equal ones the order of classes decides."
    numbers = st.lists(st.integers(1, 5000), min_size=least, max_size=most, unique=True)
    return np.array(draw(numbers))


@st.composite
def seen(draw, images=(1, 30), classes=(2, 8)):
    "Logits of some images."
    shape = draw(st.integers(*images)), draw(st.integers(*classes))
    return draw(arrays(np.float32, shape, elements=NUMBER))


def on_simplex(alpha):
    return alpha.min() >= 0 and abs(alpha.sum(-1) - 1).max() < 1e-5


# preference


@given(simplex())
def test_a_point_of_the_simplex_is_a_preference(alpha):
    assert torch.allclose(preference.resolve(alpha.tolist()), alpha, atol=1e-6)
    back = preference.from_polar(*preference.to_polar(alpha))
    assert torch.allclose(back, alpha, atol=1e-5)


@given(st.lists(st.floats(width=32), max_size=5))
@example([1.0, 0.0])
@example([0.0, 0.0, 0.0])
@example([math.nan, 0.5, 0.5])
def test_numbers_are_a_preference_or_an_error_that_shows_them(numbers):
    try:
        alpha = preference.resolve(numbers)
    except ValueError as error:
        assert f"preference {[*map(float, numbers)]} " in str(error)
        return
    assert len(numbers) == 3 and min(numbers) >= 0 and abs(sum(numbers) - 1) < 0.021
    assert on_simplex(alpha)


SAID = st.lists(
    st.sampled_from([*preference.WORDS, "and", ",", "halfway", "between", "30", "70 %", "0", "-1"])
    | st.text(max_size=3),
    max_size=6,
).map(" ".join)


@given(SAID, REGIMES)
@example("head, 0 tail", "paper")
def test_words_are_a_preference_or_an_error_that_shows_them(text, regimes):
    try:
        alpha = preference.named(text, regimes)
    except ValueError as error:
        assert repr(text) in str(error) and preference.GRAMMAR in str(error)
        return
    assert on_simplex(alpha)
    assert torch.equal(alpha, preference.named(f" {text.upper()} .", regimes))


@given(st.floats(width=32), REGIMES)
def test_the_way_from_head_to_tail_has_two_ends(weight, regimes):
    if not 0 <= weight <= 1:
        with pytest.raises(ValueError, match="tail_weight is"):
            preference.along(weight, regimes)
        return
    alpha = preference.along(weight, regimes)
    assert on_simplex(alpha) and math.isclose(alpha[0], 1 - weight, abs_tol=1e-6)


@given(st.lists(st.floats(2**-10, 2**10, width=32), min_size=3, max_size=3), simplex(), SHARE)
def test_only_ratios_of_r_matter(r, alpha, factor):
    r, factor = torch.tensor(r), 0.01 + factor
    assert on_simplex(preference.normalize(r, alpha))
    same = preference.normalize(factor * r, alpha)
    assert torch.allclose(preference.normalize(r, alpha), same, atol=1e-5)
    assert (preference.normalize(r, alpha)[alpha == 0] == 0).all()


@given(simplex(), REGIMES)
def test_a_preference_belongs_to_the_experts_together(alpha, regimes):
    assert on_simplex(preference.belonging(alpha, regimes))


# loss


@given(seen(), counted(), simplex(), st.floats(0.5, 3), st.randoms(use_true_random=False))
def test_losses_do_not_know_the_order_of_classes(logits, counts, alpha, tau, random):
    classes = min(logits.shape[1], len(counts))
    logits = torch.from_numpy(logits[:, :classes])
    target = torch.tensor([random.randrange(classes) for _ in logits])
    order = torch.tensor(random.sample(range(classes), classes))
    place = torch.argsort(order)  # where each class has gone
    log_prior = torch.tensor(longtail.prior(counts[:classes])).float().log()
    for of in (
        lambda v, y, p: loss.environment_loss(v, y, p, alpha, tau),
        lambda v, y, p: loss.logit_adjusted_loss(v, y, p, tau),
    ):
        one = of(logits, target, log_prior)
        other = of(logits[:, order], place[target], log_prior[order])
        moved = of(logits + 5, target, log_prior)
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
        assert torch.allclose(one, moved, rtol=1e-4, atol=1e-4)
    head = loss.environment_loss(logits, target, log_prior, (1.0, 0.0, 0.0), tau)
    assert torch.allclose(head, F.cross_entropy(logits, target), rtol=1e-4, atol=1e-4)


@given(st.lists(st.floats(0, 50), min_size=2, max_size=5), st.floats(0.01, 2))
def test_tchebycheff_lies_just_above_the_largest_loss(losses, lam):
    losses = torch.tensor(losses, dtype=torch.float64)
    value = loss.smooth_tchebycheff(losses, lam)
    assert losses.max() - 1e-9 <= value <= losses.max() + lam * math.log(len(losses)) + 1e-9
    assert torch.allclose(value, loss.smooth_tchebycheff(losses.flip(0), lam))
    assert torch.allclose(value + 3, loss.smooth_tchebycheff(losses + 3, lam))


# long tail


@given(
    st.integers(-1, 6000), st.integers(-1, 60), st.floats(0.5, 1000) | st.sampled_from([math.nan])
)
@example(49, 2, 49)
def test_a_long_tail_falls_from_its_largest_class_or_is_an_error(largest, classes, ratio):
    try:
        counts = longtail.class_counts(largest, classes, ratio)
    except ValueError as error:
        assert str(classes) in str(error) or str(ratio) in str(error)
        return
    assert len(counts) == classes and counts[0] == largest and min(counts) >= 1
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] <= largest / ratio * (1 + 1e-6) < counts[-1] + 1 + 1e-5 * largest


@given(counted(), st.floats(0.5, 3))
def test_priors_and_groups_hold_every_class_once(counts, tau):
    assert math.isclose(longtail.prior(counts).sum(), 1)
    assert np.allclose(longtail.vertex_priors(counts, tau).sum(1), 1)
    assert sorted(longtail.reverse(counts)) == sorted(counts)
    assert (longtail.reverse(longtail.reverse(counts)) == counts).all()
    assert (sum(m.astype(int) for m in longtail.shot_groups(counts).values()) == 1).all()
    order = longtail.by_frequency(counts)
    assert (np.diff(counts[order]) <= 0).all() and sorted(order) == list(range(len(counts)))


@given(simplex(5), simplex(5), simplex(5))
def test_total_variation_is_a_distance(p, q, r):
    between = longtail.total_variation
    assert 0 <= between(p, q) <= 1 + 1e-6 and between(p, p) == 0
    assert math.isclose(between(p, q), between(q, p), abs_tol=1e-7)
    assert between(p, r) <= between(p, q) + between(q, r) + 1e-6


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(0, 9), st.floats(1, 60))
def test_a_subset_is_drawn_without_repetition(available, seed, ratio):
    labels = np.repeat(np.arange(len(available)), available)
    try:
        chosen = longtail.subset(labels, ratio, seed)
    except ValueError as error:
        assert f"imbalance ratio {ratio}" in str(error)
        return
    assert len(set(chosen)) == len(chosen)
    found = np.sort(np.bincount(labels[chosen], minlength=len(available)))[::-1]
    assert found.tolist() == longtail.class_counts(max(available), len(available), ratio)


@given(arrays(bool, st.tuples(st.integers(1, 3), st.integers(2, 20))), st.floats(0.01, 100))
def test_an_interval_does_not_know_the_unit_of_weights(correct, unit):
    weights = np.linspace(1, 2, correct.shape[1])
    one, other = (bootstrap(correct, w, resamples=19) for w in (weights, unit * weights))
    assert np.allclose(one, other)
    value, low, high = one
    assert 0 <= low <= high <= 100 + 1e-9 and 0 <= value <= 100 + 1e-9
    assert not correct.all() or one == pytest.approx((100, 100, 100))


# control


@given(seen(classes=(3, 6)), st.sampled_from(estimate.WAYS))
def test_an_estimated_prior_is_one(evidence, way):
    classes = evidence.shape[1]
    evidence = torch.from_numpy(evidence)
    log_prior = torch.tensor(longtail.prior(np.arange(classes, 0, -1))).float().log()
    found = estimate.estimate(evidence, log_prior, way)
    assert found.min() >= 0 and math.isclose(found.sum(), 1, abs_tol=1e-4)
    assert torch.allclose(found, estimate.estimate(evidence.flip(0) + 4, log_prior, way), atol=1e-3)
    renamed = estimate.estimate(evidence.flip(1), log_prior.flip(0), way)
    assert torch.allclose(found, renamed.flip(0), atol=1e-3)


@given(
    arrays(np.float64, st.integers(1, 80), elements=st.floats(0, 20)),
    st.floats(0.05, 0.95),
    st.sampled_from(conformal.LEVELS),
    st.randoms(use_true_random=False),
)
def test_thresholds_cover_what_they_promise(own, coverage, by, random):
    labels = np.array([random.randrange(4) for _ in own])
    groups = {"many": np.array([1, 1, 0, 0], bool), "few": np.array([0, 0, 1, 1], bool)}
    try:
        limits, used = conformal.thresholds(own, labels, groups, coverage, by)
    except ValueError as error:
        assert f"there are {len(own)} calibration images" in str(error)
        return
    for c, (limit, level) in enumerate(zip(limits, used)):
        pool = {
            "class": labels == c,
            "group": np.isin(labels, np.flatnonzero(next(g for g in groups.values() if g[c]))),
            "all": labels >= 0,
        }[level]
        assert (own[pool] <= limit).mean() >= coverage - 1e-9
        assert level not in conformal.LEVELS[: conformal.LEVELS.index(by)]


@given(seen(images=(1, 12)))
def test_logits_become_probabilities(logits):
    found = labelled.log_probabilities(logits)
    assert np.allclose(np.exp(found).sum(1), 1, atol=1e-4)
    assert np.allclose(found, labelled.log_probabilities(logits + 3), atol=1e-4)


@given(seen(images=(2, 12)), st.data())
def test_logits_that_are_no_numbers_are_named(logits, data):
    broken = data.draw(st.integers(0, len(logits) - 1))
    logits[broken, 0] = data.draw(st.sampled_from([np.nan, np.inf]))
    with pytest.raises(ValueError, match=f"first of image {broken}"):
        labelled.log_probabilities(logits)


NAME = st.text(string.ascii_letters + "äß é-_'", min_size=1, max_size=8).map(
    lambda text: " ".join(text.split())
)
MEASURE = st.sampled_from(["overall", "balanced", "macro-F1"]) | st.builds(
    '{} of "{}"'.format, st.sampled_from(["recall", "precision"]), NAME.filter(bool)
)


@given(MEASURE, st.floats(1.1, 100).map(lambda v: round(v, 2)))
def test_a_bound_reads_what_it_says(measure, value):
    read = bound(f"{measure} >= {value} %")
    assert bound(str(read)) == read and read.value == pytest.approx(value)
    assert Goal.of_dict(Goal(read).to_dict()) == Goal(read)


@given(st.text(max_size=20) | st.lists(st.sampled_from(GRAMMAR.split()), max_size=6).map(" ".join))
def test_a_text_is_a_bound_or_an_error_that_shows_it(text):
    try:
        read = bound(text)
    except ValueError as error:
        assert repr(text) in str(error) or any(word in str(error) for word in text.split())
        return
    assert 0 <= read.value


@settings(max_examples=min(settings().max_examples // 10, 50))
@given(seen(images=(12, 30), classes=(2, 4)), st.floats(0.1, 50), st.randoms(use_true_random=False))
def test_the_unit_of_costs_changes_no_decision(logits, unit, random):
    classes = logits.shape[1]
    labels = [i % classes for i in range(len(logits))]
    cost = np.array(
        [[random.randint(1, 9) * (i != j) for j in range(classes)] for i in range(classes)]
    )
    examples = labelled.of_logits(logits, labels)
    one, other = (solve(examples, Goal(cost=c, best="cost"), folds=2) for c in (cost, unit * cost))
    answers = [np.asarray(s.rule.apply(logits)) for s in (one, other)]
    assert (answers[0] == answers[1]).all()


# data


@given(
    st.lists(st.tuples(NAME.filter(bool), st.sampled_from("ab")), min_size=1, max_size=9), st.data()
)
def test_a_list_is_read_as_it_was_written(tmp_path_factory, rows, data):
    text = "".join(f"{path} {label}\n" for path, label in rows)
    way = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    if data.draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    file = tmp_path_factory.mktemp("lists") / "train.txt"
    file.write_bytes(text.encode(way))
    read = read_list(file)
    assert list(zip(read.paths, read.labels)) == rows


@settings(max_examples=min(settings().max_examples, 200))
@given(
    st.lists(st.integers(3, 9), min_size=2, max_size=4),
    st.sampled_from(["whole numbers", "names", "texts of numbers"]),
    st.booleans(),
)
def test_embeddings_count_up(tmp_path_factory, counts, kind, dead):
    folder = tmp_path_factory.mktemp("features")
    labels = np.repeat(np.arange(len(counts)), counts)
    named = {"names": np.array(list("cabd"))[labels], "texts of numbers": labels.astype(str)}
    features = np.random.default_rng(0).normal(size=(len(labels), 5)).astype(np.float32)
    features[:, 2] = 7.0 if dead else features[:, 2]
    for part in ("train", "test"):
        np.savez(folder / f"{part}.npz", features=features, labels=named.get(kind, labels))
    try:
        data = load_data(Config(dataset="features", data_root=str(folder), method="softmax"))
    except ValueError as error:
        assert max(counts) < 4 and "no class has images enough" in str(error)
        return
    assert sum(data.train_counts) + sum(data.validation_counts) == sum(counts)
    assert sorted(data.test_counts) == sorted(counts)
    mean, deviation = data.statistics
    assert np.isfinite(mean).all() and min(deviation) > 1e-3  # a dead channel is not blown up
