// TestSupport: what whole-program tests share: processes, temporary folders, payloads, sockets, and one
// driver for each BitTorrent program that Apus is tested against. It may import Foundation, and of
// Apus only the floor and the formats; the program under test is driven by its command line alone.

/// Why a test could not go on, in words.
public struct TestFailure: Error, CustomStringConvertible {
  /// The whole message, with whatever logs help to understand it.
  public let description: String

  /// Makes a failure that says `description`.
  public init(_ description: String) { self.description = description }
}
