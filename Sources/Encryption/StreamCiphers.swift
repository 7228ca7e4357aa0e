public import Digest

/// What both directions of a connection are encrypted with; a direction without a cipher is in the clear.
public struct StreamCiphers: Sendable {
  /// For what we send.
  public let outgoing: RC4?
  /// For what we receive.
  public let incoming: RC4?
}
