"""LightGBM's trees as splits and leaves: what a row is asked, and where the answers lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import Any

import lightgbm as lgb

DUMPED_INFINITY = 1e300
"""How LightGBM's dump writes the edge of a split that only tells missing values from all others."""


class TreeError(ValueError):
    """A tree that asks what this project never asks: categories, zero for missing, linear models in its leaves."""


@dataclass(frozen=True)
class Split:
    """One split: a row goes left if its value is at most `edge`, or if it is missing and `missing_left`."""

    feature: int
    edge: float
    missing_left: bool


@dataclass(frozen=True)
class Step:
    """One step of a path: the split's position in the tree, the way taken, and the share of the rows that took it.

    The share is of the training rows that came to the split.
    """

    split: int
    left: bool
    share: float


@dataclass(frozen=True)
class Leaf:
    """A leaf with the path that leads to it."""

    value: float
    path: tuple[Step, ...]

    @property
    def share(self) -> float:
        """Share of the training rows that ended here."""
        return prod(step.share for step in self.path)


@dataclass(frozen=True)
class Tree:
    """A tree as its splits and leaves.

    Attributes:
        output: which of the model's margins it belongs to.
        splits: all splits, a parent before its children.
        leaves: from left to right.
    """

    output: int
    splits: tuple[Split, ...]
    leaves: tuple[Leaf, ...]

    @property
    def base(self) -> float:
        """The mean over the training rows."""
        return sum(leaf.share * leaf.value for leaf in self.leaves)

    def parts(self, most_splits: int) -> Iterator[tuple[Leaf, ...]]:
        """The leaves in groups, cut at the splits from the root down.

        A group is cut until its paths have at most so many splits together, or it is one leaf. The tree is the sum of
        its parts, if a row that ends elsewhere gets nothing from a part.
        """
        return _parts(self.leaves, 0, most_splits)


def read_trees(boosters: Sequence[lgb.Booster]) -> list[Tree]:
    """All trees of some boosters; the outputs of one booster come after those of the ones before it.

    Raises:
        TreeError: a tree asks what is never asked here, or a booster averages its trees.
    """
    trees, outputs = [], 0
    for booster in boosters:
        dumped = booster.dump_model()
        if dumped["average_output"]:
            raise TreeError("the trees are averaged as in a random forest; train with boosting")
        each = dumped["num_tree_per_iteration"]
        trees += [_tree(outputs + at % each, tree["tree_structure"]) for at, tree in enumerate(dumped["tree_info"])]
        outputs += each
    return trees


def _tree(output: int, root: dict[str, Any]) -> Tree:
    splits: list[Split] = []
    leaves = tuple(_leaves(root, (), splits))
    return Tree(output, tuple(splits), leaves)


def _leaves(node: dict[str, Any], path: tuple[Step, ...], splits: list[Split]) -> Iterator[Leaf]:
    if "leaf_value" in node:
        if "leaf_const" in node:
            raise TreeError("a leaf holds a linear model; train without linear_tree")
        yield Leaf(float(node["leaf_value"]), path)
        return
    at = len(splits)
    splits.append(_split(node))
    for left, child in ((True, node["left_child"]), (False, node["right_child"])):
        rows = child.get("leaf_count", child.get("internal_count"))
        yield from _leaves(child, (*path, Step(at, left, rows / node["internal_count"])), splits)


def _split(node: dict[str, Any]) -> Split:
    feature, missing = node["split_feature"], node["missing_type"]
    if node["decision_type"] != "<=":
        raise TreeError(f"feature {feature} is split by category; give LightGBM numbers only")
    if missing == "Zero":
        raise TreeError(f"feature {feature} takes zero for missing; train without zero_as_missing")
    edge = node["threshold"] if node["threshold"] < DUMPED_INFINITY else inf
    # A feature that was never missing in training is read as 0 where it is missing now.
    return Split(feature, edge, node["default_left"] if missing == "NaN" else edge >= 0)


def _parts(leaves: Sequence[Leaf], depth: int, most: int) -> Iterator[tuple[Leaf, ...]]:
    if len(leaves) == 1 or len({step.split for leaf in leaves for step in leaf.path}) <= most:
        yield tuple(leaves)
        return
    for left in (True, False):
        yield from _parts([leaf for leaf in leaves if leaf.path[depth].left is left], depth + 1, most)
