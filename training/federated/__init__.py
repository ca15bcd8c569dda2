"""Federated training: clients train on digits that they keep, and a server averages what they have learnt."""
