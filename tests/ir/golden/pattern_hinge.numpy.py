f = np.sum(D * (X @ (V - W)), axis=1)
objective = np.sum(np.maximum(1 - y * f, 0)) / n + beta * (
    np.sum(np.linalg.norm(V, axis=0)) + np.sum(np.linalg.norm(W, axis=0))
)
E = 2 * D - 1
cone_v_0 = E * (X @ V)
cone_w_0 = E * (X @ W)
