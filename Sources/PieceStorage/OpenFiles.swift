internal import Glibc
internal import Synchronization

/// Descriptors of files that were used lately, shared by all torrents of a session: at most `limit`,
/// the one that was not used for longest is closed first. Thread-safe.
public final class OpenFiles: Sendable {
  struct Key: Hashable {
    var owner: ObjectIdentifier
    var file: Int
  }

  private struct Entry {
    var file: OpenFile
    var lastUse: UInt64
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var clock: UInt64 = 0
  }

  /// Descriptors that are kept open at most. More are open for a moment while jobs use them.
  public let limit: Int
  private let state = Mutex(State())

  /// An empty cache of at most `limit` descriptors.
  public init(limit: Int = 128) { self.limit = max(1, limit) }

  /// Descriptors that are kept open now.
  public var count: Int { state.withLock { $0.entries.count } }

  /// The open file, if it is here and can do what is asked. About 50 ns.
  func find(_ key: Key, writing: Bool) -> OpenFile? {
    state.withLock { state in
      guard let index = state.entries.index(forKey: key) else { return nil }
      let file = state.entries.values[index].file
      guard file.isWritable || !writing else { return nil }
      state.clock += 1
      state.entries.values[index].lastUse = state.clock
      return file
    }
  }

  /// Keeps a file, in place of one with the same key. O(limit) when another has to go.
  func keep(_ file: OpenFile, as key: Key) {
    // Closing can take time: what is let go of is closed outside of the lock.
    let closing = state.withLock { state in
      var closing: [OpenFile] = []
      if let old = state.entries.removeValue(forKey: key) { closing.append(old.file) }
      if state.entries.count >= limit,
        let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        state.entries.removeValue(forKey: oldest.key)
        closing.append(oldest.value.file)
      }
      state.clock += 1
      state.entries[key] = Entry(file: file, lastUse: state.clock)
      return closing
    }
    withExtendedLifetime(closing) {}
  }

  /// Lets go of all files of one torrent.
  func close(_ owner: ObjectIdentifier) {
    let closing = state.withLock { state in
      let mine = state.entries.filter { $0.key.owner == owner }
      for key in mine.keys { state.entries.removeValue(forKey: key) }
      return mine
    }
    withExtendedLifetime(closing) {}
  }
}

/// A descriptor, closed at the end of its life: who uses it holds it, so eviction never pulls it away.
final class OpenFile: Sendable {
  let descriptor: Int32
  let isWritable: Bool

  init(_ descriptor: Int32, isWritable: Bool) {
    self.descriptor = descriptor
    self.isWritable = isWritable
  }

  deinit { close(descriptor) }
}
