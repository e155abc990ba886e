// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.io.Memory;

/**
 * Which frames attend to which, at one denoising step.
 *
 * <p>{@link #layout} is the pattern of the whole video, what a kernel on one device runs. {@link
 * #rankLayout} is what one rank holds under context parallelism: rows are its query frames, columns
 * the attended frames that it can reach, compacted.
 *
 * @param settings the settings from which the pattern was built
 * @param slice the rank whose part {@code rankLayout} describes
 * @param keyFrameInterval the interval in force, given or automatic
 * @param keyframeOffset where the periodic keyframes start at this step
 * @param boundaryGuards frames that are global because a rank boundary is near
 * @param globalFrames first frames, periodic keyframes and boundary guards, ascending
 * @param windows the window of every frame
 * @param layout attended frames of every frame
 * @param localTokens tokens of a rank
 * @param firstToken the rank's first token
 * @param localFrames the frames of which the rank holds tokens
 * @param rankLayout CSR over the rank's query frames, into {@code compactFrames}
 * @param compactFrames the frames that any of the rank's queries attends to and that are global or
 *     partly local, ascending
 */
public record Pattern(
    PatternSettings settings,
    RankSlice slice,
    int keyFrameInterval,
    int keyframeOffset,
    List<Integer> boundaryGuards,
    List<Integer> globalFrames,
    List<FrameRange> windows,
    BlockSparseLayout layout,
    int localTokens,
    int firstToken,
    List<LocalFrame> localFrames,
    BlockSparseLayout rankLayout,
    List<Integer> compactFrames) {

  /** Builds the pattern for one rank that holds the whole video. */
  public static Pattern build(PatternSettings s) {
    return build(s, RankSlice.WHOLE);
  }

  /** Objects and arrays that building keeps for each frame, about. */
  private static final long BYTES_PER_FRAME = 200;

  /** Rows and indices of the whole layout and of the rank's, with the copies while building. */
  private static final long BYTES_PER_PAIR = 4 * Integer.BYTES;

  /**
   * Builds the pattern. Takes microseconds: rotation asks for one every step.
   *
   * @param slice the rank, and how many ranks there are: frames around their boundaries are global
   * @throws IllegalArgumentException if the tokens do not divide evenly among the ranks
   */
  public static Pattern build(PatternSettings s, RankSlice slice) {
    slice.check(s);
    return built(s, slice);
  }

  /**
   * Builds the pattern that ranks run together. Unlike {@link #build(PatternSettings, RankSlice)}
   * it takes tokens that do not divide: the last ranks then have fewer of them.
   *
   * @param ranks around whose boundaries frames are global; 1 for none
   */
  public static Pattern guarded(PatternSettings s, int ranks) {
    return built(s, new RankSlice(0, ranks));
  }

  private static Pattern built(PatternSettings s, RankSlice slice) {
    int frames = s.latentFrames();
    Memory.requireHeap("a pattern of " + frames + " latent frames", frames * BYTES_PER_FRAME);
    int interval =
        s.keyFrameInterval()
            .orElseGet(
                () ->
                    Frames.automaticInterval(
                        frames,
                        s.window(),
                        s.firstFrames(),
                        s.referenceFrames(),
                        s.sparsityScale()));
    int offset = s.rotateKeyframes() ? s.step() % interval : 0;
    BitSet guards = Frames.boundaryGuards(frames, s.patchesPerFrame(), s.window(), slice.world());
    BitSet globals = Frames.anchors(frames, s.firstFrames(), interval, offset);
    globals.or(guards);
    checkSize(s, globals.cardinality());

    List<FrameRange> windows =
        IntStream.range(0, frames)
            .mapToObj(f -> Frames.window(f, s.window(), frames, s.expandWindow(), globals))
            .toList();
    int[] sortedGlobals = globals.stream().toArray();
    List<int[]> attended = windows.stream().map(window -> attended(sortedGlobals, window)).toList();

    int localTokens =
        Math.toIntExact(Math.ceilDiv((long) frames * s.patchesPerFrame(), slice.world()));
    int firstToken = slice.rank() * localTokens;
    List<LocalFrame> local = localFrames(firstToken, localTokens, s.patchesPerFrame());
    List<int[]> reachable = reachable(s.patchesPerFrame(), localTokens, local, globals, attended);
    BitSet compact = new BitSet(frames);
    reachable.forEach(row -> IntStream.of(row).forEach(compact::set));

    return new Pattern(
        s,
        slice,
        interval,
        offset,
        list(guards),
        list(globals),
        windows,
        csr(attended, all(frames)),
        localTokens,
        firstToken,
        local,
        csr(reachable, compact),
        list(compact));
  }

  /** Refuses a pattern that is too large, before its layout is allocated. */
  private static void checkSize(PatternSettings s, int globals) {
    long frames = s.latentFrames();
    // A window holds at most 2W + 1 frames that are not global.
    long perFrame = globals + Math.min(2L * s.window() + 1, frames - globals);
    long pairs = frames * perFrame;
    String what = "a pattern of " + frames + " latent frames that attend to " + perFrame + " each";
    if (pairs > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          what + " has " + pairs + " pairs, at most " + Integer.MAX_VALUE + " are possible");
    }
    Memory.requireHeap(what, frames * BYTES_PER_FRAME + pairs * BYTES_PER_PAIR);
  }

  /** Frames that a frame attends to. */
  public int attendedBy(int frame) {
    return layout.count(frame);
  }

  /** Frames that each frame attends to, in order. */
  public int[] attendedPerFrame() {
    return IntStream.range(0, settings.latentFrames()).map(this::attendedBy).toArray();
  }

  /**
   * What a query frame sees of a key frame: {@code G} it is global, {@code W} it is in the window,
   * {@code X} both, {@code .} nothing.
   */
  public char mark(int query, int key) {
    boolean global = Collections.binarySearch(globalFrames, key) >= 0;
    boolean window = windows.get(query).contains(key);
    return global ? (window ? 'X' : 'G') : (window ? 'W' : '.');
  }

  /** The mask as text: one row per query frame and a line of totals, as {@link #maskLines}. */
  public List<String> mask() {
    return maskLines().toList();
  }

  /**
   * The mask as text, made line by line: one row per query frame, with its number and its count,
   * and a line of totals.
   */
  public Stream<String> maskLines() {
    int width = Integer.toString(settings.latentFrames() - 1).length();
    String form = "%" + width + "d %s %d";
    return Stream.concat(
        IntStream.range(0, settings.latentFrames())
            .mapToObj(
                query -> String.format(Locale.ROOT, form, query, marks(query), attendedBy(query))),
        Stream.of("totals").map(ignored -> totals()));
  }

  private String marks(int query) {
    StringBuilder row = new StringBuilder(settings.latentFrames());
    for (int key = 0; key < settings.latentFrames(); key++) {
      row.append(mark(query, key));
    }
    return row.toString();
  }

  private String totals() {
    int[] attended = attendedPerFrame();
    return String.format(
        Locale.ROOT,
        "G global, W window, X both, . skipped: %d global, attended min %d max %d mean %.1f of"
            + " %d, density %.4f",
        globalFrames.size(),
        IntStream.of(attended).min().orElseThrow(),
        IntStream.of(attended).max().orElseThrow(),
        IntStream.of(attended).average().orElseThrow(),
        settings.latentFrames(),
        density());
  }

  /** Attended pairs over all pairs; {@code 1 / density} is the ideal speed-up. */
  public double density() {
    return layout.density();
  }

  /** Global frames and the window's, ascending. */
  private static int[] attended(int[] globals, FrameRange window) {
    int before = insertion(globals, window.first());
    int after = insertion(globals, window.last() + 1);
    int inside = window.last() - window.first() + 1;
    int[] attended = new int[before + inside + globals.length - after];
    System.arraycopy(globals, 0, attended, 0, before);
    for (int i = 0; i < inside; i++) {
      attended[before + i] = window.first() + i;
    }
    System.arraycopy(globals, after, attended, before + inside, globals.length - after);
    return attended;
  }

  private static int insertion(int[] sorted, int value) {
    int found = Arrays.binarySearch(sorted, value);
    return found >= 0 ? found : -found - 1;
  }

  private static List<LocalFrame> localFrames(int firstToken, int localTokens, int patches) {
    List<LocalFrame> local = new ArrayList<>();
    int end = firstToken + localTokens;
    for (int frame = firstToken / patches; frame * (long) patches < end; frame++) {
      int begin = (int) (Math.max((long) frame * patches, firstToken) - firstToken);
      int stop = (int) (Math.min((frame + 1L) * patches, end) - firstToken);
      local.add(new LocalFrame(frame, begin, stop));
    }
    return List.copyOf(local);
  }

  /**
   * Attended frames that a rank can reach: global ones, which every rank has, and those of which it
   * holds tokens. As published, there are {@code ceil(localTokens / P)} rows, one fewer than local
   * frames where the rank starts and ends within a frame.
   */
  private static List<int[]> reachable(
      int patches, int localTokens, List<LocalFrame> local, BitSet globals, List<int[]> attended) {
    BitSet held = (BitSet) globals.clone();
    held.set(local.getFirst().frame(), local.getLast().frame() + 1);
    return IntStream.range(0, Math.ceilDiv(localTokens, patches))
        .mapToObj(row -> attended.get(local.getFirst().frame() + row))
        .map(frames -> IntStream.of(frames).filter(held::get).toArray())
        .toList();
  }

  private static BlockSparseLayout csr(List<int[]> rows, BitSet columns) {
    int[] position = new int[columns.length()];
    int count = 0;
    for (int f = columns.nextSetBit(0); f >= 0; f = columns.nextSetBit(f + 1)) {
      position[f] = count++;
    }
    int[] indptr = new int[rows.size() + 1];
    for (int row = 0; row < rows.size(); row++) {
      indptr[row + 1] = indptr[row] + rows.get(row).length;
    }
    int[] indices =
        rows.stream().flatMapToInt(IntStream::of).map(frame -> position[frame]).toArray();
    return BlockSparseLayout.of(count, indptr, indices);
  }

  private static BitSet all(int frames) {
    BitSet all = new BitSet(frames);
    all.set(0, frames);
    return all;
  }

  private static List<Integer> list(BitSet set) {
    return set.stream().boxed().toList();
  }
}
