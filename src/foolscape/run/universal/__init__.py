"""Universal perturbations: learnt on one split, measured on another. `execute.universal` begins or goes on with one."""
