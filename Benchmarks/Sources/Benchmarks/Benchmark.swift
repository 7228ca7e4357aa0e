import CCounters
import EventLoop

/// Something to measure: what one operation is, and how to do many of them.
struct Benchmark: Sendable {
  /// What it is called in tables and in ``Thresholds``: `group: operation`.
  let name: String
  /// Operations of one run.
  let operations: Int
  /// Operations of which the instructions are counted, one by one; 0 for none.
  let stepped: Int
  /// Makes everything that is needed, grown to its size; what it returns does so many operations.
  let prepare: @Sendable () -> (Int) -> Void

  init(_ name: String, operations: Int, stepped: Int = 0, prepare: @escaping @Sendable () -> (Int) -> Void) {
    self.name = name
    self.operations = operations
    self.stepped = stepped
    self.prepare = prepare
  }
}

/// What an operation costs.
struct Cost {
  /// The median of several runs; `nil` if only counts were wanted.
  var nanoseconds: Double?
  /// Calls of malloc and its like.
  var allocations: Double
  /// Retains of Swift objects; as many releases follow sooner or later.
  var retains: Double
  /// `nil` where they were not or cannot be counted.
  var instructions: Double?
}

extension Benchmark {
  private static let rounds = 9
  /// More than that is not worth the wait.
  private static let maximumSteps: Int64 = 500_000

  /// Runs it several times, and its instructions once more.
  func run(timed: Bool) -> Cost {
    var times: [Double] = []
    var allocations = Double.infinity
    var retains = Double.infinity
    for _ in 0..<(timed ? Self.rounds : 2) {
      let body = prepare()
      let before = counters_here()
      let start = Instant.now
      body(operations)
      let end = Instant.now
      let after = counters_here()
      allocations = min(allocations, Double(after.allocations - before.allocations))
      retains = min(retains, Double(after.retains - before.retains))
      times.append(Double(end.nanoseconds - start.nanoseconds))
    }
    times.sort()
    let count = Double(operations)
    return Cost(
      nanoseconds: timed ? times[times.count / 2] / count : nil, allocations: allocations / count,
      retains: retains / count, instructions: instructions())
  }

  private func instructions() -> Double? {
    guard stepped > 0 else { return nil }
    let run = SteppedRun(body: prepare(), operations: stepped)
    let count = counters_instructions(
      { context in
        guard let context else { return }
        let run = Unmanaged<SteppedRun>.fromOpaque(context).takeUnretainedValue()
        run.body(run.operations)
      }, Unmanaged.passUnretained(run).toOpaque(), Self.maximumSteps)
    return withExtendedLifetime(run) { count < 0 ? nil : Double(count) / Double(stepped) }
  }
}

private final class SteppedRun {
  let body: (Int) -> Void
  let operations: Int

  init(body: @escaping (Int) -> Void, operations: Int) {
    self.body = body
    self.operations = operations
  }
}

/// Keeps the optimiser from dropping what leads to `value`.
@inline(never)
func use(_ value: Int) {}
