"""The directory in which the runs of one user on one machine meet (the setting `shared_dir`).

Each run has a state directory of its own and knows nothing of the others. Here they share the account's quota
(`quota`), learn which exports an account has received (`sent_exports`), and keep from sending one export at the same
time (`claims`).
"""
