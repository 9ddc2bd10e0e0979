F = (D * (X @ (V - W))) @ S
objective = (
    np.sum(np.logaddexp.reduce(F, axis=1)) / n
    - np.sum(Y * F) / n
    + beta * (np.sum(np.linalg.norm(V, axis=0)) + np.sum(np.linalg.norm(W, axis=0)))
)
E = 2 * D - 1
cone_v_0 = E * (X @ V)
cone_w_0 = E * (X @ W)
