# Serves fits by mclust, as `worker.py` says.

suppressPackageStartupMessages(library(mclust))

models <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII")
models_of_one <- c(full = "V", tied = "E", diag = "V", spherical = "V")

read_array <- function(folder, name, ...) {
  size <- prod(...)
  readBin(file.path(folder, name), "double", size)
}

write_array <- function(folder, name, values) {
  writeBin(as.double(values), file.path(folder, paste0(name, ".out")))
}

start_variance <- function(structure, values, d, k) {
  # covariances of a problem as mclust wants them
  if (d == 1) {
    return(list(sigmasq = values))
  }
  switch(structure,
    full = {
      sigma <- array(values, c(d, d, k))
      list(sigma = sigma, cholsigma = array(apply(sigma, 3, chol), c(d, d, k)))
    },
    tied = list(Sigma = matrix(values, d, d), cholSigma = chol(matrix(values, d, d))),
    diag = {
      variances <- matrix(values, d, k)
      scale <- exp(colMeans(log(variances)))
      list(scale = scale, shape = sweep(variances, 2, scale, "/"))
    },
    spherical = list(sigmasq = values, scale = values)
  )
}

fitted_covariances <- function(structure, variance, d, k) {
  if (d == 1) {
    return(variance$sigmasq)
  }
  switch(structure,
    full = variance$sigma,
    tied = variance$Sigma,
    diag = sapply(seq_len(k), function(i) variance$scale[i] * matrix(variance$shape, d)[, i]),
    spherical = variance$sigmasq
  )
}

load_problem <- function(folder, structure, n, d, k) {
  n_values <- c(full = k * d * d, tied = d * d, diag = k * d, spherical = k)
  values <- read_array(folder, "covariances", n_values[[structure]])
  model <- if (d == 1) models_of_one[[structure]] else models[[structure]]
  list(
    folder = folder, structure = structure, model = model, d = d, k = k,
    X = matrix(read_array(folder, "X", n * d), n, d, byrow = TRUE),
    parameters = list(
      pro = read_array(folder, "weights", k),
      mean = matrix(read_array(folder, "means", k * d), d, k),
      variance = c(
        list(modelName = model, d = d, G = k),
        start_variance(structure, values, d, k)
      )
    )
  )
}

fit <- function(problem, passes) {
  control <- emControl(eps = 0, tol = c(0, 0), itmax = c(passes, passes))
  began <- proc.time()[["elapsed"]]
  result <- suppressWarnings(em(
    data = problem$X, modelName = problem$model,
    parameters = problem$parameters, control = control, warn = FALSE
  ))
  seconds <- proc.time()[["elapsed"]] - began
  found <- result$parameters
  write_array(problem$folder, "weights", found$pro)
  write_array(problem$folder, "means", found$mean)
  covariances <- fitted_covariances(problem$structure, found$variance, problem$d, problem$k)
  write_array(problem$folder, "covariances", covariances)
  sprintf("%.9f %d", seconds, abs(as.integer(attr(result, "info")["iterations"])))
}

say <- function(...) {
  cat(..., "\n")
  flush(stdout())
}

say("ready", as.character(packageVersion("mclust")))
requests <- file("stdin", "r")
while (length(line <- readLines(requests, n = 1)) > 0) {
  words <- strsplit(line, " ")[[1]]
  tryCatch(
    if (words[1] == "load") {
      sizes <- as.integer(words[4:6])
      problem <- load_problem(words[2], words[3], sizes[1], sizes[2], sizes[3])
      say("ok")
    } else {
      say("ok", fit(problem, as.integer(words[2])))
    },
    error = function(e) say("error", gsub("\n", " ", conditionMessage(e)))
  )
}
