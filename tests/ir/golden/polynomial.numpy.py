M = Z - R
f = a * np.sum(X * (X @ M[:d, :d]), axis=1) + (b * (X @ M[:d, d:])) @ np.full((1,), 1) + c * np.trace(M[:d, :d])
objective = np.sum(0.5 * np.square(f - y)) / n + beta * (np.trace(Z[:d, :d]) + np.trace(R[:d, :d]))
plus_0 = Z
minus_0 = R
unit_0 = np.trace(Z[:d, :d]) - Z[d:, d:]
