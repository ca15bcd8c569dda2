"""The data sets that other people made: MNIST, and the fonts and photos that pinned packages of npm and PyPI carry."""
