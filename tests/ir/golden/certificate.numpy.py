objective = t
T = np.block([[np.diag(np.full((n,), 1)), np.full((n, d), 0)], [np.diag(np.full((n,), 1)), -X]])
dual_0 = np.block([[-L @ L.T, np.full((n, d), 0)], [np.full((d, n), 0), np.diag(np.full((d,), 1)) * t]]) - T.T @ S @ T
products_0 = S[:n, :n]
size_0 = t
size_1 = S[:n, n:]
sizes_0 = np.full((2 * n,), 1) * t
sizes_1 = S
