/// What goes wrong at the edge of the engine; worded for the person who started it.
public struct SessionError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is; more kinds may come.
  public struct Code: Hashable, Sendable {
    private enum Kind { case cannotListen, storage, duplicate, stopped, proxy }
    private let kind: Kind
    /// The address is taken or not allowed.
    public static let cannotListen = Code(kind: .cannotListen)
    /// The download folder cannot be used.
    public static let storage = Code(kind: .storage)
    /// The torrent is in the session already.
    public static let duplicate = Code(kind: .duplicate)
    /// A proxy cannot be found.
    public static let proxy = Code(kind: .proxy)
    /// The session has been stopped.
    public static let stopped = Code(kind: .stopped)
  }

  /// The kind.
  public let code: Code
  /// What, where, and what to do.
  public let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
