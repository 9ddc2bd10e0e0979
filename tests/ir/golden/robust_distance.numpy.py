C = D @ (V - W).T
f = np.sum(X * C, axis=1)
r = epsilon * np.linalg.norm(C[:, :d], 1, axis=1)
objective = np.sum(0.5 * np.square(np.abs(f - y) + r)) / n + beta * (
    np.sum(np.linalg.norm(V, axis=0)) + np.sum(np.linalg.norm(W, axis=0))
)
E = 2 * D - 1
cone_v_0 = E * (X @ V) - epsilon * np.linalg.norm(V[:d, :], 1, axis=0)[None, :]
cone_w_0 = E * (X @ W) - epsilon * np.linalg.norm(W[:d, :], 1, axis=0)[None, :]
