f = np.sum(D * (X @ U), axis=1)
objective = np.sum(np.logaddexp(0, -y * f)) / n + beta * np.sum(np.linalg.norm(U, axis=0))
