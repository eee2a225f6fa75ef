"""What mkdocs does beside its own: pages that lie above docs/, and links out of it.

README, CONTRIBUTING and their like are pages of the site too, from the files as they are. A link to
anything else of the repository leads to `repo_url`, or is plain text where mkdocs.yml has none.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ABOVE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Files above docs/, and the pages that they are."""
ROLE, TOGGLE = 'data-md-component="search" role="dialog"', 'type="checkbox" id="__{}"'
NAMED = {ROLE: f'{ROLE} aria-label="Search"'} | {
    TOGGLE.format(name): f"hidden {TOGGLE.format(name)}" for name in ("drawer", "search")
}
"""What the theme leaves without a name, or outside every landmark, and what screen readers want."""
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
"""A Markdown link or picture: its mark, its text, its target."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that lie above docs/."""
    root = Path(config.docs_dir).parent
    for name, page in ABOVE.items():
        if (root / name).is_file():
            files.append(File.generated(config, page, content=(root / name).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page, whose links lead to pages of the site, or to the repository."""
    above = {there: here for here, there in ABOVE.items()}.get(page.file.src_uri)
    source = above or f"docs/{page.file.src_uri}"
    return LINK.sub(lambda link: _link(link, source, config), markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The HTML of a page, as screen readers want it."""
    return _named(output)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same of a page that is no page of ours, such as 404.html."""
    return _named(output_content)


def _named(output: str) -> str:
    for theme, wanted in NAMED.items():
        output = output.replace(theme, wanted)
    return output


def _link(link: re.Match[str], source: str, config: MkDocsConfig) -> str:
    mark, words, target = link.groups()
    if ":" in target or target.startswith("#"):
        return link[0]
    path, hash_, part = target.partition("#")
    at = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if at in ABOVE or at.startswith("docs/"):
        return f"{mark}[{words}]({ABOVE.get(at, at.removeprefix('docs/'))}{hash_}{part})"
    if config.repo_url:
        return f"{mark}[{words}]({config.repo_url.rstrip('/')}/blob/main/{at}{hash_}{part})"
    return words if "`" in words else f"{words} (`{at}`)"
