"""What a PromQL expression asks for: names of metrics, and label matchers on them. Enough of the grammar for the queries of
config/, which a real Prometheus parses besides."""

import re

RANGE = re.compile(r"\[[^\]]*\]")
MATCHERS = re.compile(r"\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
SELECTOR = re.compile(r"\b([a-zA-Z_:][\w:]*)\s*(?=\{)")
# Behind these stand labels in parentheses, not metrics.
GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
WORDS = re.compile(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()")
KEYWORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right"}


def metrics_of(expression):
    bare = GROUPING.sub(" ", RANGE.sub("", MATCHERS.sub("", expression)))
    return {word for word in WORDS.findall(bare) if word not in KEYWORDS}


def selectors_of(expression):
    """[(metric, [(label, operator, value)])] of each selector with matchers."""
    found = []
    for match in SELECTOR.finditer(expression):
        inside = MATCHERS.match(expression, match.end())
        found.append((match[1], MATCHER.findall(inside[1])))
    return found


def labels_of(expression):
    """Labels that results are grouped or matched by."""
    names = set()
    for match in GROUPING.finditer(expression):
        names |= set(re.findall(r"\w+", match[0][len(match[1]):]))
    return names


def alternatives(pattern):
    """The strings that a regular expression of the form a|b names; None when it is another."""
    return pattern.split("|") if re.fullmatch(r"[\w|]+", pattern) else None
