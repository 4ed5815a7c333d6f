"Formulas as MathML, which browsers draw without a script or a font from elsewhere."

from latex2mathml.converter import convert


def inline(writer, node):
    writer.body.append(convert(node.astext()))


def display(writer, node):
    number = f'<span class="eqno">({node["number"]})</span>' if node["number"] else ""
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}{number}</div>')


def leave(writer, node):
    "Nothing: a formula has no parts."


def skip(visit):
    "The same, without the node's text as such behind it."
    from docutils.nodes import SkipNode

    def visited(writer, node):
        visit(writer, node)
        raise SkipNode

    return visited


def setup(app):
    app.add_html_math_renderer("mathml", (skip(inline), leave), (skip(display), leave))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
