def huber(x: np.ndarray, threshold: float) -> np.ndarray:
    """x²/2 up to the threshold in size, a straight line beyond."""
    clipped = np.minimum(np.abs(x), threshold)
    return clipped * (np.abs(x) - 0.5 * clipped)


f = np.sum(D * (X @ (V - W)), axis=1)
objective = np.sum(huber(f - y, delta)) / n + beta * (
    np.sum(np.linalg.norm(V, axis=0)) + np.sum(np.linalg.norm(W, axis=0))
)
E = 2 * D - 1
cone_v_0 = E * (X @ V)
cone_w_0 = E * (X @ W)
