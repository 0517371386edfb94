"""Following another index: `rules` say what of it is wanted, `agenda` what is to be done, `following` does it.

`keeping` has that done in the background and sets mirrors up, `checking` compares, `ahead` fetches while others wait.
"""
