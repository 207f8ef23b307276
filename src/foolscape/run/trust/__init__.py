"""Whether a run's figures describe the model: what is tried beside the attack, and what that says for or against it.

The signs are those by which Carlini et al. 2019 (On Evaluating Adversarial Robustness, arXiv 1902.06705, section 5)
and Athalye et al. 2018 (Obfuscated Gradients, arXiv 1802.00420, section 3.1) know an attack that is weaker than it
looks: random changes do as well, more steps or another attack do better, a larger bound does worse, no bound at all
leaves something right, and an attack without gradients, or a change made for another network, does better.
"""
