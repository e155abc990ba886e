// SPDX-License-Identifier: Apache-2.0
package org.lvsa.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.MethodModel;
import java.lang.classfile.TypeAnnotation;
import java.lang.classfile.attribute.CodeAttribute;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jdk.vm.ci.hotspot.HotSpotJVMCIRuntime;
import jdk.vm.ci.meta.ResolvedJavaMethod;
import uk.ac.manchester.tornado.runtime.ASMClassVisitorProvider;
import uk.ac.manchester.tornado.runtime.common.ParallelAnnotationProvider;

/**
 * Tells TornadoVM which local variables of a kernel are annotated with {@code @Parallel}, as its
 * own {@code ASMClassVisitor} does. That one asks the system class loader for the class file of a
 * kernel, and so finds no class that is defined while a program runs, as in a cell of a notebook;
 * this one asks the loader of the kernel's own class.
 *
 * <p>{@code tornado-sdk.sh} compiles this file against the SDK and puts it into TornadoVM's module
 * {@code tornado.annotation}, where it sees the packages that it needs.
 */
public final class CellClasses implements ASMClassVisitorProvider {
  private static final String PARALLEL =
      "L"
          + System.getProperty("tornado.load.annotation.parallel", "").replace('.', '/')
          + ";";

  /** For TornadoVM, which makes one. */
  public CellClasses() {}

  /** A local variable from one bytecode to another. */
  private record Parallel(int start, int length, int index) implements ParallelAnnotationProvider {
    @Override
    public int getStart() {
      return start;
    }

    @Override
    public int getLength() {
      return length;
    }

    @Override
    public int getIndex() {
      return index;
    }
  }

  @Override
  public ParallelAnnotationProvider[] getParallelAnnotations(ResolvedJavaMethod method) {
    Class<?> owner = HotSpotJVMCIRuntime.runtime().getMirror(method.getDeclaringClass());
    String descriptor = method.getSignature().toMethodDescriptor();
    return ClassFile.of().parse(bytes(owner)).methods().stream()
        .filter(
            found ->
                found.methodName().equalsString(method.getName())
                    && found.methodType().equalsString(descriptor))
        .findFirst()
        .map(CellClasses::annotated)
        .orElse(List.of())
        .toArray(ParallelAnnotationProvider[]::new);
  }

  private static byte[] bytes(Class<?> owner) {
    String file = owner.getName().replace('.', '/') + ".class";
    ClassLoader loader =
        Optional.ofNullable(owner.getClassLoader()).orElseGet(ClassLoader::getPlatformClassLoader);
    try (InputStream in = loader.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException("no class file of " + owner.getName() + " in its loader");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<ParallelAnnotationProvider> annotated(MethodModel method) {
    List<ParallelAnnotationProvider> found = new ArrayList<>();
    Optional<CodeAttribute> code = method.findAttribute(Attributes.code());
    code.flatMap(c -> c.findAttribute(Attributes.runtimeVisibleTypeAnnotations()))
        .ifPresent(
            attribute -> {
              for (TypeAnnotation one : attribute.annotations()) {
                if (one.annotation().className().equalsString(PARALLEL)
                    && one.targetInfo() instanceof TypeAnnotation.LocalVarTarget target) {
                  for (TypeAnnotation.LocalVarTargetInfo local : target.table()) {
                    int start = code.get().labelToBci(local.startLabel());
                    int end = code.get().labelToBci(local.endLabel());
                    found.add(new Parallel(start, end - start, local.index()));
                  }
                }
              }
            });
    return found;
  }
}
