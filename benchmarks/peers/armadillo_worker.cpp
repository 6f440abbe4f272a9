// Serves fits by Armadillo, as `worker.py` says.

#include <armadillo>
#include <chrono>
#include <iostream>
#include <sstream>
#include <string>

using arma::cube;
using arma::mat;
using arma::rowvec;
using arma::uword;
using arma::vec;

struct Problem {
  std::string folder, structure;
  mat X, means;
  rowvec weights;
  vec covariances;
};

vec read(const std::string& folder, const std::string& name) {
  vec values;
  if (!values.load(folder + "/" + name, arma::raw_binary)) {
    throw std::runtime_error("cannot read " + name);
  }
  return values;
}

template <typename Values>
void write(const std::string& folder, const std::string& name, const Values& values) {
  values.save(folder + "/" + name + ".out", arma::raw_binary);
}

Problem load(std::istringstream& words) {
  Problem problem;
  uword n, d, k;
  words >> problem.folder >> problem.structure >> n >> d >> k;
  // rows of d numbers one after the other are the columns of a d x n matrix
  problem.X = arma::reshape(read(problem.folder, "X"), d, n);
  problem.means = arma::reshape(read(problem.folder, "means"), d, k);
  problem.weights = read(problem.folder, "weights").t();
  problem.covariances = read(problem.folder, "covariances");
  return problem;
}

template <typename Model>
double learn(Model& model, const Problem& problem, uword passes) {
  const auto began = std::chrono::steady_clock::now();
  const bool ok = model.learn(problem.X, problem.weights.n_elem, arma::maha_dist,
                              arma::keep_existing, 0, passes, 1e-300, false);
  const auto ended = std::chrono::steady_clock::now();
  if (!ok) throw std::runtime_error("learn failed");
  write(problem.folder, "weights", model.hefts);
  write(problem.folder, "means", model.means);
  return std::chrono::duration<double>(ended - began).count();
}

double fit(const Problem& problem, uword passes) {
  const uword d = problem.means.n_rows, k = problem.means.n_cols;
  double seconds;
  if (problem.structure == "full") {
    arma::gmm_full model;
    const cube covariances(problem.covariances.memptr(), d, d, k);
    model.set_params(problem.means, covariances, problem.weights);
    seconds = learn(model, problem, passes);
    write(problem.folder, "covariances", model.fcovs);
  } else {
    arma::gmm_diag model;
    const mat covariances(problem.covariances.memptr(), d, k);
    model.set_params(problem.means, covariances, problem.weights);
    seconds = learn(model, problem, passes);
    write(problem.folder, "covariances", model.dcovs);
  }
  return seconds;
}

int main() {
  const arma::arma_version version;
  std::cout << "ready " << version.as_string() << std::endl;
  Problem problem;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string request;
    words >> request;
    try {
      if (request == "load") {
        problem = load(words);
        std::cout << "ok" << std::endl;
      } else {
        uword passes;
        words >> passes;
        const double seconds = fit(problem, passes);
        std::cout << "ok " << seconds << " " << passes << std::endl;
      }
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
}
