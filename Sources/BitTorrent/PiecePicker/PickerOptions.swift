/// What can be set about how a picker chooses. The standard values suit a torrent on any link.
struct PickerOptions: Sendable {
  /// Pieces that may be under way or in verification at once, 1 or more: each needs a buffer. When they
  /// are reached, only blocks of open pieces are given.
  var maximumOpenPieces = 64
  /// Pieces chosen at random, not by rarity, so that a new peer soon has something to trade (BEP 3).
  var randomFirstPieces = 4
  /// A peer that delivers a piece within as many seconds gets pieces for itself; a slower one joins others.
  var wholePieceSeconds = 4.0
  /// Peers that one block may be requested from at once in the endgame; one more if all those asked are
  /// snubbed.
  var maximumRequesters = 2
  /// How many times sooner than its holder a peer must be expected to deliver a block to be asked for it
  /// too, once no free block is left.
  var endgameAdvantage = 4.0
  /// The same while other peers still find free blocks; and the block must be that many seconds away.
  var stealingAdvantage = 16.0
  /// How many times sooner than its holder a peer must be expected to deliver a block that will miss its
  /// deadline, to be asked for it too.
  var rescueAdvantage = 2.0
  /// Blocks that a peer may be asked for in that way in one choice.
  var maximumRescues = 8
  /// Seconds before a deadline from which on an open piece may be given up for it, if buffers lack.
  var yieldSeconds = 1.0
  /// Whether pieces of the same priority come in their order instead of the rarest first.
  var isSequential = false
}
