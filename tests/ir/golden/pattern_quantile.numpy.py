f = np.sum(D * (X @ (V - W)), axis=1)
quantile_argument = y - f
objective = np.sum(np.maximum(q * quantile_argument, (q - 1) * quantile_argument)) / n + beta * (
    np.sum(np.linalg.norm(V, axis=0)) + np.sum(np.linalg.norm(W, axis=0))
)
E = 2 * D - 1
cone_v_0 = E * (X @ V)
cone_w_0 = E * (X @ W)
