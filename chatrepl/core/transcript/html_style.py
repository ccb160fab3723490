"""The style sheet of the HTML form; its token classes are those of Pygments' HTML formatter."""

__all__ = ["STYLE"]

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0; --card: #f6f8fa;
  --accent: #0a5fc4; --warn: #8a4600;
  --keyword: #a6192e; --string: #0a3069; --number: #0550ae; --name: #6639ba; --comment: #59636e;
  --added: #116329; --removed: #a6192e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --card: #161b22;
    --accent: #6cb6ff; --warn: #f0b35a;
    --keyword: #ff7b72; --string: #a5d6ff; --number: #79c0ff; --name: #d2a8ff; --comment: #9198a1;
    --added: #7ee787; --removed: #ff7b72;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 17px/1.6 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif;
  overflow-wrap: break-word;
}
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { margin-bottom: 2rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
header p, footer, .note { color: var(--quiet); font-size: .9rem; margin: .25rem 0; }
.note { color: var(--warn); }
article { margin: 1.75rem 0; }
article > h2 {
  font-size: .85rem; font-weight: 600; color: var(--quiet); margin: 0 0 .4rem;
  display: flex; justify-content: space-between; gap: 1rem;
}
article > h2 time { font-weight: 400; white-space: nowrap; }
.user, .system, .tool, .other {
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .75rem 1rem;
}
.plain { white-space: pre-wrap; unicode-bidi: isolate; }
.tool .plain { font: .88em/1.5 ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; }
.answer > :first-child { margin-top: 0; }
.answer > :last-child { margin-bottom: 0; }
.answer h1 { font-size: 1.4rem; }
.answer h2 { font-size: 1.25rem; }
.answer h3 { font-size: 1.1rem; }
p, li, td, th, blockquote { unicode-bidi: isolate; }
a { color: var(--accent); }
img { max-width: 100%; height: auto; border-radius: .4rem; }
blockquote {
  margin: 1rem 0; padding-left: 1rem; border-left: .25rem solid var(--line); color: var(--quiet);
}
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border: 1px solid var(--line); padding: .35rem .7rem; }
th { background: var(--card); text-align: left; }
th.center, td.center { text-align: center; }
th.right, td.right { text-align: right; }
hr { border: 0; border-top: 1px solid var(--line); margin: 1.5rem 0; }
details { margin: .5rem 0; color: var(--quiet); }
summary { cursor: pointer; }
code, pre {
  font-family: ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; font-size: .88em;
}
pre code { font-size: inherit; }
:not(pre) > code { background: var(--card); border-radius: .3rem; padding: .1em .35em; }
pre {
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .8rem 1rem; overflow-x: auto; line-height: 1.5; tab-size: 4;
}
.k, .kc, .kd, .kn, .kp, .kr, .ow, .o, .nt { color: var(--keyword); }
.kt, .m, .mb, .mf, .mh, .mi, .il, .mo, .no, .bp { color: var(--number); }
.s, .sa, .sb, .sc, .dl, .sd, .s2, .se, .sh, .si, .sx, .sr, .s1, .ss { color: var(--string); }
.na, .nb, .nc, .nd, .nf, .fm, .ne { color: var(--name); }
.c, .ch, .cm, .cp, .cpf, .c1, .cs { color: var(--comment); }
.gi { color: var(--added); }
.gd { color: var(--removed); }
.ge { font-style: italic; }
.gs, .gh { font-weight: 600; }
@media print {
  :root {
    --page: #ffffff; --text: #000000; --quiet: #444444; --line: #bbbbbb; --card: #ffffff;
    --accent: #000000; --warn: #444444;
    --keyword: #000000; --string: #333333; --number: #333333; --name: #000000; --comment: #555555;
    --added: #000000; --removed: #000000;
  }
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  pre { white-space: pre-wrap; overflow: visible; }
  article > h2, h1, h2, h3 { break-after: avoid; }
  pre, blockquote, tr, img { break-inside: avoid; }
  .answer a[href^="http"]::after {
    content: " (" attr(href) ")"; font-size: .85em; color: var(--quiet);
  }
}
"""
