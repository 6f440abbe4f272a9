"""Pictures of the gallery say what is seen, to those who do not see them."""

import re

import matplotlib.pyplot as plt
from sphinx_gallery.scrapers import matplotlib_scraper


def described(block, block_vars, gallery_conf):
    """The matplotlib scraper; a figure's label, if it has one, is its alternative text."""
    labels = [str(plt.figure(number).get_label()) for number in plt.get_fignums()]
    texts = iter([" ".join(label.split()) for label in labels])

    def replaced(match):
        return match[1] + (next(texts, "") or match[2])

    return re.sub(r"(:alt: )(.*)", replaced, matplotlib_scraper(block, block_vars, gallery_conf))
