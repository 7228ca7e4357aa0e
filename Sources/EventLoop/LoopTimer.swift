internal import CLibuv

/// A timer of a loop. Confined to it; closes itself only when told to.
public final class LoopTimer: LoopHandle {
  private let executor: LoopExecutor
  private var fire: ((isolated Loop) -> Void)?

  init(_ executor: LoopExecutor, _ fire: @escaping (isolated Loop) -> Void) {
    self.executor = executor
    self.fire = fire
    unsafe super.init(size: MemoryLayout<uv_timer_t>.size)
    unsafe uv_timer_init(executor.uv, timer)
    tie()
  }

  private var timer: UnsafeMutablePointer<uv_timer_t> {
    unsafe pointer.assumingMemoryBound(to: uv_timer_t.self)
  }

  /// Fires once after `seconds`, replacing what was set. Precision: a millisecond; what is shorter is one, so
  /// that whoever sets it again because it was a little early does not spin.
  public func set(after seconds: Double) { start(seconds, repeating: 0) }

  /// Fires every `seconds`, first after that time.
  public func set(every seconds: Double) { start(seconds, repeating: seconds) }

  /// Stops it; `set` starts it again.
  public func cancel() { unsafe uv_timer_stop(timer) }

  /// Closes the timer and lets go of its closure.
  public override func close() {
    fire = nil
    super.close()
  }

  func fired(on loop: isolated Loop) { fire?(loop) }

  private func start(_ seconds: Double, repeating: Double) {
    unsafe uv_update_time(executor.uv)
    unsafe uv_timer_start(
      timer,
      { handle in
        guard let timer = unsafe LoopHandle.object(handle) as? LoopTimer else { return }
        timer.executor.enter(.fired(timer))
      }, UInt64((max(0, seconds) * 1000).rounded(.up)), repeating > 0 ? UInt64(max(1, repeating * 1000)) : 0)
  }
}

extension Loop {
  /// A timer that calls `fire` on this loop; `set` starts it.
  public func timer(_ fire: @escaping (isolated Loop) -> Void) -> LoopTimer { LoopTimer(executor, fire) }
}
