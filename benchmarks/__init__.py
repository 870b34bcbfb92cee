"""Measured side by side in one run and printed as ratios: times alone say more of the machine than of the code."""
