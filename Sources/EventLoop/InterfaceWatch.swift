internal import CSystem

/// Watches the interface of a `SocketBinding`, and tells when it goes, comes or changes: as the system says so, and
/// by a look every few seconds, should it not. Confined to its loop.
public final class InterfaceWatch: ReadinessHandler {
  /// Seconds between two looks.
  private static let interval = 2.0

  private let binding: SocketBinding
  private let changed: (SocketBinding.Change, isolated Loop) -> Void
  private let descriptor: Int32
  private var watcher: SocketWatcher?
  private var timer: LoopTimer?

  /// Begins to watch; `changed` is not called for `.none`.
  public init(
    _ binding: SocketBinding, on loop: isolated Loop,
    changed: @escaping (SocketBinding.Change, isolated Loop) -> Void
  ) {
    self.binding = binding
    self.changed = changed
    descriptor = apus_watch_interfaces()
    if descriptor >= 0 { watcher = loop.watcher(descriptor, self) }
    watcher?.watch(for: .readable)
    let me = Confined(self, on: loop)
    let timer = loop.timer { loop in me.value(on: loop).look(on: loop) }
    timer.set(every: Self.interval)
    self.timer = timer
  }

  /// The system has said that something has changed.
  public func ready(_ events: Readiness, on loop: isolated Loop) {
    apus_drain(descriptor)
    look(on: loop)
  }

  private func look(on loop: isolated Loop) {
    let change = binding.refresh()
    if change != .none { changed(change, loop) }
  }

  /// Ends it. Idempotent.
  public func close() {
    guard timer != nil else { return }
    timer?.close()
    timer = nil
    watcher?.close()
    watcher = nil
    if descriptor >= 0 { TCP.close(descriptor) }
  }
}
