f = np.maximum(X @ U, 0) @ alpha
objective = np.sum(0.5 * np.square(f - y)) / n + beta * np.linalg.norm(alpha, 1)
