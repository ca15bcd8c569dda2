"""How good a model is: metrics, robustness on test sets, pages."""
