import Testing

/// A trait that bounds how many suites of whole programs run at the same time.
///
/// It belongs on the suite: there the wait does not count towards a case's time limit.
public struct Throttle: SuiteTrait, TestScoping {
  /// Runs the suite once a slot is free.
  @concurrent
  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    await Slots.shared.take()
    do {
      try await function()
    } catch {
      await Slots.shared.give()
      throw error
    }
    await Slots.shared.give()
  }
}

extension Trait where Self == Throttle {
  /// At most three such suites run at once.
  public static var throttled: Throttle { Throttle() }
}

private actor Slots {
  static let shared = Slots()
  private var free = 3
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func take() async {
    if free > 0 {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  func give() {
    if waiting.isEmpty {
      free += 1
    } else {
      waiting.removeFirst().resume()
    }
  }
}
