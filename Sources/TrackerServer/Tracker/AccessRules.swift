import Digest

/// Who may announce what. Everyone everything, so far.
final class AccessRules: Sendable {
  /// Why a torrent is not served to whoever has `passkey`; `nil` if it is.
  func refusal(of infoHash: InfoHash, passkey: Passkey?) -> TrackerRefusal? { nil }
}
