"""Strangers' HTML inside of a page of ours: what becomes of headings, links, images, tables and the rest."""

import pytest

from entrepot.fragment import LONGEST_IMAGE_URL, MOST_IMAGES, fit, without_images
from entrepot.readme import render

REL = 'rel="nofollow ugc noopener"'


def image(url: str) -> str:
    return f"/image/{url.encode().hex()}"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("<h1>a</h1><h2>b</h2>", "<h3>a</h3><h4>b</h4>"),
        ("<h2>a</h2><h1>b</h1><h2>c</h2>", "<h3>a</h3><h3>b</h3><h4>c</h4>"),
        ("<h1>a</h1><h6>b</h6><h4>c</h4>", "<h3>a</h3><h4>b</h4><h4>c</h4>"),
        ("".join(f"<h{n}>x</h{n}>" for n in range(1, 7)), "".join(f"<h{n}>x</h{n}>" for n in (3, 4, 5, 6, 6, 6))),
        ('<h1 id="a" align="center">a</h1>', '<h3 id="user-content-a" align="center">a</h3>'),
        ('<p id="user-content-user-content-a">x</p>', '<p id="user-content-a">x</p>'),
        ('<p id="a b">x</p><p id="">y</p>', "<p>x</p><p>y</p>"),
        ('<a href="#a">x</a>', f'<a href="#user-content-a" {REL}>x</a>'),
        ('<a href="#">x</a><a href="docs/x.md">y</a>', f"<a {REL}>x</a><a {REL}>y</a>"),
        ('<a href="//ok.example/x">x</a>', f'<a href="https://ok.example/x" {REL}>x</a>'),
        ('<a href="mailto:a@ok.example">x</a>', f'<a href="mailto:a@ok.example" {REL}>x</a>'),
        ('<h1>a<a href="#a" id="a"></a></h1>', '<h3>a<span id="user-content-a"></span></h3>'),
        ("<section><nav>x</nav><aside>y</aside></section>", "<div><div>x</div><div>y</div></div>"),
        ("<tt>x</tt>", "<code>x</code>"),
        ('<span class="k button">x</span><span class="button">y</span>', '<span class="k">x</span><span>y</span>'),
        ('<pre class="code">x</pre>', '<pre class="code" tabindex="0" dir="ltr">x</pre>'),
        ('<input type="checkbox" checked="">', '<span class="task">☑</span>'),
        ('<input type="checkbox">', '<span class="task">☐</span>'),
        ('<input type="text">', ""),
        ('<table><tbody><tr><td colspan="2" rowspan="999">x</td></tr></tbody></table>', None),
    ],
)
def test_what_becomes_of_it(given: str, wanted: str | None) -> None:
    around = '<div class="scrolls" role="group" tabindex="0" aria-label="table">{}</div>'
    table = '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>'
    assert fit(given) == (around.format(table) if wanted is None else wanted)


def test_a_table_in_a_table_is_scrolled_with_it() -> None:
    inner = "<table><tbody><tr><td>x</td></tr></tbody></table>"
    assert fit(inner.replace("x", inner)).count("scrolls") == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ('<img src="https://ok.example/a.png" alt="a">', '<img src="{}" alt="a" loading="lazy">'),
        ('<img src="//ok.example/a.png">', '<img src="{}" alt="" loading="lazy">'),
        (
            '<img src=" https://ok.example/a.png" width="50px" height="60%">',
            '<img src="{}" alt="" loading="lazy" width="50" height="60%">',
        ),
        ('<img src="https://ok.example/a.png" width="100vw">', '<img src="{}" alt="" loading="lazy">'),
        ('<img src="a.png" alt="&lt;b&gt;a&lt;/b&gt;">', "&lt;b&gt;a&lt;/b&gt;"),
        ('<img src="data:image/png;base64,AA" alt="a">', "a"),
        ('<img alt="a">', "a"),
        ('<img src="http://[" alt="a">', '<img src="{}" alt="a" loading="lazy">'),
        (f'<img src="https://ok.example/{"x" * LONGEST_IMAGE_URL}" alt="long">', "long"),
    ],
)
def test_what_becomes_of_an_image(given: str, wanted: str) -> None:
    url = "http://[" if "[" in given else "https://ok.example/a.png"
    assert fit(given) == wanted.format(image(url))


def test_what_is_beyond_the_last_image_is_its_text() -> None:
    shown = fit('<img src="https://ok.example/a.png" alt="a">' * (MOST_IMAGES + 2))
    assert shown.count("<img") == MOST_IMAGES
    assert shown.endswith(">aa")


def test_a_link_that_is_an_image_has_a_name() -> None:
    linked = '<a href="https://ok.example/"><img src="https://ok.example/a.png"></a>'
    assert 'alt="a.png"' in fit(linked)
    assert without_images(fit(linked)) == f'<a href="https://ok.example/" {REL}>a.png</a>'


def test_links_within_find_their_targets() -> None:
    """Whoever made the id: the author, or the renderer from a heading, or from a footnote."""
    markdown = '<a id="own"></a>\n\n# A title\n\n[own](#own) [title](#a-title) x[^1]\n\n[^1]: y\n'
    html = render(markdown, "text/markdown")
    for target in ("own", "a-title", "fn-1", "fnref-1"):
        assert f'href="#user-content-{target}"' in html
        assert f'id="user-content-{target}"' in html
